// The contract's types under the names this page uses. They are generated from docs/api/openapi.json: `npm run contract`.
import type { components } from './contract.gen';

export type { paths } from './contract.gen';

type Schemas = components['schemas'];

export type Credentials = Schemas['Login'];
export type Registration = Schemas['Register'];
export type SignedIn = Schemas['SignedIn'];
export type Tokens = Schemas['Tokens'];
export type NewOrder = Schemas['CreateOrder'];
/** Who hears an event: how many processes, what waits for them, what could not be handled. */
export interface ListenerState {
  listener: string;
  event: string;
  workers: number | null;
  waiting: number | null;
  dead: number | null;
}
/** Not every gateway tells of listeners. */
export type SystemState = Schemas['SystemState'] & { listeners?: ListenerState[] };
export type PatternState = Schemas['PatternState'];

export type Profile = Schemas['Profile'];
export type Order = Schemas['Order'];
/** The customer is there once the order service has heard of the account. */
export type OrderDetail = Schemas['OrderDetail'];
