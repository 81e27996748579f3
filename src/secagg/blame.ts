/**
 * Who is to blame where shares do not fit, for certain: as long as of the neighbours of a client no more
 * than c lie, as the round assumes.
 *
 * A share that does not fit was dealt so by its owner, or changed by its holder: of one alone nobody can
 * tell which. But c holders cannot make more than c shares wrong, nor can c owners deal one holder more
 * than c wrong shares; and t + c shares that agree with one polynomial include t of honest holders, whose
 * shares have one polynomial alone.
 *
 * @module
 */

import type { Graph } from './graph.ts';

/** What somebody did. */
export type Fault =
  /** Its boxes do not open, say more neighbours than may lie. */
  | 'boxes'
  /** Its shares agree, on a secret that is not what it committed to or advertised the key of. */
  | 'secret'
  /** It dealt more neighbours a wrong share than may lie. */
  | 'dealt'
  /** It revealed wrong shares, of more neighbours than may have dealt it wrong ones. */
  | 'revealed';

/** What a client did, how it is known, and what shows it. */
export interface Blame {
  /** Its identity, in hexadecimal digits. */
  readonly client: string;
  readonly fault: Fault;
  /** Neighbours, or their shares, that say so; and how many of them leave no doubt. */
  readonly have: number;
  readonly need: number;
  /**
   * Messages that say so, as they came and signed by their senders: `complaint` for boxes, else `unmask` of
   * all neighbours whose shares were compared. What a client committed to is not among them: its signature
   * is over all its boxes, which servers do not keep.
   */
  readonly evidence: readonly Uint8Array[];
}

/** What was found wrong when the shares of one client's secret were put together. Clients by index. */
export interface Finding {
  readonly owner: number;
  /** Whose shares are not on the polynomial that most are on. */
  readonly wrong: readonly number[];
  /** How many are on it. */
  readonly agreeing: number;
  /** Whether its secret is what the owner committed to. */
  readonly isCommitted: boolean;
}

/** What follows for one client. */
export interface Verdict extends Pick<Blame, 'fault' | 'have' | 'need'> {
  readonly client: number;
  /** Whose shares were compared. */
  readonly owners: readonly number[];
}

/** What is certain of what was found, owners first. */
export function judge(findings: readonly Finding[], graph: Graph): Verdict[] {
  const certain = findings.filter(({ owner, agreeing }) => {
    const { threshold, corrupt } = graph.terms(owner);
    return agreeing >= threshold + corrupt;
  });
  const owners = certain.flatMap((finding) => dealerVerdict(finding, graph));
  const guilty = new Set(owners.map(({ client }) => client));
  const byHolder = new Map<number, number[]>();
  for (const { owner, wrong } of certain) {
    if (guilty.has(owner)) continue;
    for (const holder of wrong) byHolder.set(holder, [...(byHolder.get(holder) ?? []), owner]);
  }
  const holders = [...byHolder].flatMap(([client, of]): Verdict[] => {
    const need = graph.terms(client).corrupt + 1;
    if (of.length < need) return [];
    return [{ client, fault: 'revealed', have: of.length, need, owners: of }];
  });
  return [...owners, ...holders.sort((a, b) => a.client - b.client)];
}

function dealerVerdict({ owner, wrong, agreeing, isCommitted }: Finding, graph: Graph): Verdict[] {
  const { threshold, corrupt } = graph.terms(owner);
  const about = { client: owner, owners: [owner] };
  if (!isCommitted) {
    return [{ ...about, fault: 'secret', have: agreeing, need: threshold + corrupt }];
  }
  if (wrong.length <= corrupt) return [];
  return [{ ...about, fault: 'dealt', have: wrong.length, need: corrupt + 1 }];
}
