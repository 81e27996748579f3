/**
 * How the phases of a server end: who goes on to the next, and whether enough do.
 *
 * Each way of ending a phase computes first and changes what the server knows at its end, at one go: what
 * fails on the way leaves nothing half done, and ends the round.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { SecureError } from '../../core/errors.ts';
import type { Blame } from '../blame.ts';
import { usesBeacon } from '../config.ts';
import type { Graph } from '../graph.ts';
import { rootToVerify } from '../messages.ts';
import { type Refusal, refusal } from '../reasons.ts';
import { buildTree, rootOf, sortEntries } from '../roster.ts';
import { KEY_BYTES } from '../suite.ts';
import { viewHash } from '../view.ts';
import type { Mail, Outgoing } from './mail.ts';
import type { ServerRound } from './round.ts';
import { type CohortState, isLiving, lose, type SecureSum } from './state.ts';
import { sumOf } from './sums.ts';

/** Ends the phases of a round. */
export class Phases {
  readonly #round: ServerRound;
  readonly #mail: Mail;

  constructor(round: ServerRound, mail: Mail) {
    this.#round = round;
    this.#mail = mail;
  }

  /** Whether nobody is waited for any more. */
  isComplete(): boolean {
    const { phase, advertised, roster, shared, gone, sharers, survivors, consents, revealed } =
      this.#round.state;
    const all = (expected: Iterable<number>, have: { has(i: number): boolean }): boolean =>
      every(expected, (i) => have.has(i) || gone.has(i));
    switch (phase) {
      case 'keys':
        return advertised.size >= this.#round.options.config.maxClients;
      case 'shares':
        return all(roster.keys(), shared);
      case 'masked':
        return all(sharers, survivors);
      case 'consents':
        return all(this.#round.living(survivors), consents);
      case 'unmask':
        return all(this.#round.living(consents.keys()), revealed);
      default:
        return false;
    }
  }

  /** Ends the phase, or the round if that fails. */
  async close(now: number): Promise<readonly Outgoing[]> {
    try {
      return await this.#closed(now);
    } catch (error) {
      this.#round.failed(error);
      return this.giveUp(refusal('server-abort'));
    }
  }

  async #closed(now: number): Promise<readonly Outgoing[]> {
    switch (this.#round.state.phase) {
      case 'keys':
        return this.#fixRoster(now);
      case 'shares':
        return this.#fixSharers(now);
      case 'masked':
        return this.#fixSurvivors(now);
      case 'consents':
        return this.#fixConsents(now);
      case 'unmask':
        return this.#unmask();
      default:
        return [];
    }
  }

  /** U₁: sorted, committed to and shown. */
  async #fixRoster(now: number): Promise<readonly Outgoing[]> {
    const { config, crypto, identity } = this.#round.options;
    const state = this.#round.state;
    const clients = state.advertised.size;
    if (clients < config.minStart) {
      return this.giveUp(refusal('too-few-clients', clients, config.minStart));
    }
    const roster = sortEntries([...state.advertised.values()]);
    const tree = buildTree(roster, crypto);
    const binding = {
      context: this.#round.context,
      root: rootOf(tree, { context: this.#round.context, clients }, crypto),
    };
    const rootSignature = await crypto.sign(rootToVerify(binding.root), identity.secret);
    const beacon = await this.#beaconValue();
    const graph = this.#round.draw(clients, { ...binding, beacon });
    if (graph === undefined) {
      return this.giveUp(refusal('infeasible', clients, config.maxClients));
    }
    const cohorts = graph.cohorts.map((members) => ({
      members,
      sum: undefined,
      view: undefined,
      refusal: undefined,
    }));
    Object.assign(state, { roster, binding, rootSignature, beacon, cohorts });
    state.advertised.clear();
    this.#round.adopt(graph);
    this.#round.enter('shares', now + config.deadlines.shares);
    return this.#mail.deliver(roster.keys());
  }

  /** @throws {SecureError} `unavailable` if the beacon has no value of 32 bytes. */
  async #beaconValue(): Promise<Uint8Array> {
    const { config, beacon } = this.#round.options;
    if (!usesBeacon(config)) return new Uint8Array(KEY_BYTES);
    const value: unknown = await beacon?.(config.beacon);
    if (value instanceof Uint8Array && value.length === KEY_BYTES) return value.slice();
    throw new SecureError(
      'unavailable',
      `the beacon's value must be ${KEY_BYTES} bytes, got ${show(value)}`,
    );
  }

  /** U₂: those who shared, without those who have too few neighbours left. */
  async #fixSharers(now: number): Promise<readonly Outgoing[]> {
    const { config } = this.#round.options;
    const { shared, gone, sharers } = this.#round.state;
    const core = new Set([...shared.keys()].filter((index) => !gone.has(index)));
    const pruned = pruneToCore(core, this.#round.graph);
    if (core.size < config.minStart) {
      return this.giveUp(refusal('too-few-neighbours', core.size, config.minStart));
    }
    for (const index of core) sharers.add(index);
    this.#round.enter('masked', now + config.deadlines.masked);
    return this.#mail.deliver([...pruned, ...core]);
  }

  /** U₃: those whose inputs are in the sums. */
  async #fixSurvivors(now: number): Promise<readonly Outgoing[]> {
    const { config, crypto } = this.#round.options;
    const state = this.#round.state;
    const { binding, cohorts } = state;
    const fates = cohorts.map((cohort) => ({
      refusal: this.#complainedOf(cohort) ?? this.#lacksInputs(cohort),
      view: viewHash(this.#mail.bitmapsOf(cohort), binding, crypto),
    }));
    state.blamed = this.#accused();
    for (const [i, cohort] of cohorts.entries()) {
      const { refusal: why, view } = fates[i]!;
      if (why === undefined) cohort.view = view;
      else lose(cohort, why);
    }
    this.#round.forgetBoxes();
    this.#round.enter('consents', now + config.deadlines.consent);
    this.#round.endIfNothingLives();
    return this.#mail.deliver(this.#mail.sharersIn(cohorts));
  }

  /** Whom more neighbours complain of than may lie. */
  #accused(): Blame[] {
    return [...this.#round.state.complaints].flatMap(([accused, by]): Blame[] => {
      const need = this.#round.graph.terms(accused).corrupt + 1;
      if (by.size < need) return [];
      const client = this.#round.nameOf(accused);
      return [{ client, fault: 'boxes', have: by.size, need, evidence: [...by.values()] }];
    });
  }

  #complainedOf({ members }: CohortState): Refusal | undefined {
    const { complaints } = this.#round.state;
    for (const [accused, { size }] of complaints) {
      const { corrupt } = this.#round.graph.terms(accused);
      if (size > corrupt && members.includes(accused)) return refusal('complaints', size, corrupt);
    }
    return undefined;
  }

  #lacksInputs({ members }: CohortState): Refusal | undefined {
    const { config } = this.#round.options;
    const { sharers, survivors } = this.#round.state;
    const inputs = members.filter((i) => survivors.has(i)).length;
    if (inputs < config.minSum) return refusal('too-few-inputs', inputs, config.minSum);
    for (const index of members) {
      if (!sharers.has(index)) continue;
      const alive = this.#round.near(index, survivors).length;
      const { threshold } = this.#round.graph.terms(index);
      if (alive < threshold) return refusal('too-few-neighbours', alive, threshold);
    }
    return undefined;
  }

  /** Who signed, and whether that is enough around each secret that is needed. */
  async #fixConsents(now: number): Promise<readonly Outgoing[]> {
    const living = this.#round.state.cohorts.filter(isLiving);
    for (const cohort of living) {
      const why = this.#lacksConsents(cohort);
      if (why !== undefined) lose(cohort, why);
    }
    this.#round.enter('unmask', now + this.#round.options.config.deadlines.unmask);
    this.#round.endIfNothingLives();
    return this.#mail.deliver(this.#mail.sharersIn(living));
  }

  #lacksConsents({ members }: CohortState): Refusal | undefined {
    const { sharers, consents } = this.#round.state;
    for (const index of members) {
      if (!sharers.has(index)) continue;
      const have = this.#round.near(index, consents).length;
      const { threshold } = this.#round.graph.terms(index);
      if (have < threshold) return refusal('no-consent', have, threshold);
    }
    return undefined;
  }

  /** R5: takes the masks off each sum. */
  async #unmask(): Promise<readonly Outgoing[]> {
    const state = this.#round.state;
    const { cohorts } = state;
    const living = cohorts.filter(isLiving);
    const sums: SecureSum[] = [];
    const failed = new Map<CohortState, Refusal>();
    const blamed = [...state.blamed];
    for (const cohort of living) {
      const { sum, refusal: why, blamed: more } = await sumOf(this.#round, cohort);
      if (sum === undefined) failed.set(cohort, why);
      else sums.push(sum);
      blamed.push(...more);
    }
    for (const [cohort, why] of failed) lose(cohort, why);
    state.blamed = blamed;
    this.#round.forgetSecrets();
    if (sums.length > 0) {
      const lost = cohorts.flatMap(({ refusal: why }, cohort) =>
        why === undefined ? [] : [{ cohort, refusal: why }],
      );
      state.outcome = { sums, lost, blamed };
      this.#round.enter('done', state.until);
    }
    this.#round.endIfNothingLives();
    return this.#mail.deliver(this.#mail.sharersIn(living));
  }

  /** Ends the round for everybody. */
  async giveUp(why: Refusal): Promise<readonly Outgoing[]> {
    const { roster } = this.#round.state;
    if (this.#round.isOver) return [];
    this.#round.end(why);
    return roster.length > 0 ? this.#mail.deliver(roster.keys()) : this.#mail.toAdvertised();
  }
}

function every<T>(items: Iterable<T>, holds: (item: T) => boolean): boolean {
  for (const item of items) if (!holds(item)) return false;
  return true;
}

/** Takes out of `members` whoever has too few neighbours among them, until nobody has. */
function pruneToCore(members: Set<number>, graph: Graph): number[] {
  const pruned: number[] = [];
  const isSafe = (index: number): boolean =>
    graph.neighbours(index).filter((other) => members.has(other)).length >=
    graph.terms(index).threshold;
  for (let again = true; again; ) {
    const lonely = [...members].filter((index) => !isSafe(index));
    for (const index of lonely) members.delete(index);
    pruned.push(...lonely);
    again = lonely.length > 0;
  }
  return pruned;
}
