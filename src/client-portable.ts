/**
 * What is public of clients on every platform. The faces add what depends on one: `client-node.ts` for Node,
 * `client.ts` for browsers.
 *
 * @module
 */

export {
  FederationError,
  type FederationErrorCode,
  type RefusedDetails,
  SecureError,
  type SecureErrorCode,
} from './core/errors.ts';
export type { Random } from './core/random.ts';
export type {
  ControlTerms,
  CurrentRound,
  RoundTerms,
  RunInfo,
} from './federation/client/answers.ts';
export { BACKOFF, type Backoff } from './federation/client/backoff.ts';
export {
  type ClientStatus,
  FederationClient,
  type FederationClientOptions,
  type ParticipateOptions,
} from './federation/client/client.ts';
export { type Clock, systemClock } from './federation/client/clock.ts';
export type { Fetch } from './federation/client/http.ts';
export type { Model, Tensor, Tensors } from './federation/client/model.ts';
export type { NewsItem, OpenSocket, Socket } from './federation/client/news.ts';
export type { Participation } from './federation/client/participation.ts';
export { type RotationOptions, rotateKey } from './federation/client/rotation.ts';
export { type SecureOptions, type TakePart, underMasks } from './federation/client/secure.ts';
export type { Train, TrainingTask } from './federation/client/train.ts';
export type { LocalUpdate } from './federation/client/update.ts';
export type { Receipt } from './federation/client/upload.ts';
export type { TrainInWorker, WorkerTrainer } from './federation/client/worker-trainer.ts';
export { clientIdOf, Identity } from './federation/identity.ts';
export {
  addProximalGradient,
  type ProximalTerm,
  proximalLoss,
} from './federation/optimizers/fed-prox.ts';
export {
  controlChange,
  correctGradient,
  type ScaffoldClient,
} from './federation/optimizers/scaffold-client.ts';
export { type WireDtype, wireDtypes } from './formats/wire.ts';
export type { CryptoOptions } from './secagg/crypto/create.ts';
export { type NobleCryptoOptions, nobleCrypto } from './secagg/crypto/noble.ts';
export type {
  Admitted,
  BoxOptions,
  Claim,
  CryptoProvider,
  Implementation,
  KeyPairing,
  Primitive,
} from './secagg/crypto/provider.ts';
export type { Certificate } from './secagg/enrolment.ts';
