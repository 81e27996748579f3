/**
 * The protocol for machines: OpenAPI 3.1, made of the schemas that check requests.
 *
 * @module
 */

import { z } from 'zod';
import { PROBLEMS } from './problems.ts';
import {
  challengeAnswer,
  challengeRequest,
  commitAnswer,
  enrolAnswer,
  enrolRequest,
  problemAnswer,
  rotationAnswer,
  rotationRequest,
  roundAnswer,
  runAnswer,
  sessionAnswer,
  sessionRequest,
  statementRequest,
  uploadAnswer,
} from './schemas.ts';

/** A call, as it is described. */
interface Described {
  readonly method: 'get' | 'post' | 'put';
  readonly path: string;
  readonly summary: string;
  readonly request?: z.ZodType;
  /** Of a body that is no JSON: a chunk, which has a digest, or a message. */
  readonly binary?: 'chunk' | 'message';
  readonly answers: Readonly<Record<number, z.ZodType | undefined>>;
  readonly open?: true;
  /** Names of numbers in the query, and of hashes. */
  readonly query?: readonly string[];
  readonly hashes?: readonly string[];
}

/** All calls of the protocol. */
export const CALLS: readonly Described[] = [
  {
    method: 'get',
    path: '/v1/run',
    summary: 'what is public of the run',
    answers: { 200: runAnswer },
    open: true,
  },
  {
    method: 'post',
    path: '/v1/challenge',
    summary: 'a question to show possession of a key with',
    request: challengeRequest,
    answers: { 200: challengeAnswer },
    open: true,
  },
  {
    method: 'post',
    path: '/v1/clients',
    summary: 'enrols',
    request: enrolRequest,
    answers: { 201: enrolAnswer, 200: enrolAnswer },
    open: true,
  },
  {
    method: 'post',
    path: '/v1/session',
    summary: 'begins a session',
    request: sessionRequest,
    answers: { 200: sessionAnswer },
    open: true,
  },
  {
    method: 'post',
    path: '/v1/keys',
    summary: 'changes the key',
    request: rotationRequest,
    answers: { 200: rotationAnswer },
  },
  {
    method: 'get',
    path: '/v1/rounds/current',
    summary: 'the round, held open until it is another',
    answers: { 200: roundAnswer },
    query: ['after', 'wait'],
  },
  {
    method: 'get',
    path: '/v1/models/{sha256}',
    summary: 'a model, safetensors',
    answers: { 200: undefined, 206: undefined, 304: undefined, 416: undefined },
  },
  {
    method: 'post',
    path: '/v1/rounds/{round}/updates',
    summary: 'declares an update',
    request: statementRequest,
    answers: { 201: uploadAnswer, 200: uploadAnswer },
  },
  {
    method: 'put',
    path: '/v1/updates/{update}/chunks/{k}',
    summary: 'a chunk',
    binary: 'chunk',
    answers: { 204: undefined },
  },
  {
    method: 'post',
    path: '/v1/rounds/{round}/secure',
    summary: 'takes a message of a round under masks',
    binary: 'message',
    answers: { 204: undefined },
  },
  {
    method: 'get',
    path: '/v1/rounds/{round}/secure',
    summary:
      'the message to answer next, other than the one whose SHA-256 is `after`; 204 if none came',
    answers: { 200: undefined, 204: undefined },
    query: ['wait'],
    hashes: ['after'],
  },
  {
    method: 'get',
    path: '/v1/updates/{update}',
    summary: 'what has arrived',
    answers: { 200: uploadAnswer },
  },
  {
    method: 'post',
    path: '/v1/updates/{update}/commit',
    summary: 'counts the update, for good',
    answers: { 200: commitAnswer },
  },
];

/** The description. */
export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const call of CALLS) {
    paths[call.path] = { ...paths[call.path], [call.method]: operationOf(call) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Aggregis coordinator', version },
    paths,
    components: {
      securitySchemes: { session: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(problemAnswer) },
    },
  };
}

function operationOf(call: Described): Record<string, unknown> {
  const { path, summary, request, binary, answers, open, query = [], hashes = [] } = call;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const responses = Object.entries(answers).map(([status, schema]) => [
    status,
    schema === undefined
      ? { description: 'done' }
      : { description: 'done', content: { 'application/json': { schema: schemaOf(schema) } } },
  ]);
  const problem = { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const codes = Object.keys(PROBLEMS).join(', ');
  return {
    summary,
    ...(!open && { security: [{ session: [] }] }),
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...query.map((name) => ({ name, in: 'query', schema: { type: 'integer', minimum: 0 } })),
      ...hashes.map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
      // One of them is needed.
      ...(binary === 'chunk'
        ? ['merkle-leaf', 'content-digest'].map((name) => ({
            name,
            in: 'header',
            schema: { type: 'string' },
          }))
        : []),
    ],
    ...(request && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(request) } },
      },
    }),
    ...(binary && {
      requestBody: { required: true, content: { 'application/octet-stream': {} } },
    }),
    responses: {
      ...Object.fromEntries(responses),
      default: { description: `a problem: ${codes}`, content: problem },
    },
  };
}

function schemaOf(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema) as Record<string, unknown>;
  return rest;
}
