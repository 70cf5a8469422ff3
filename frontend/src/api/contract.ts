// The contract's types under the names this page uses. They are generated from docs/api/openapi.json: `npm run contract`.
import type { components } from './contract.gen';

export type { paths } from './contract.gen';

type Schemas = components['schemas'];

export type Credentials = Schemas['Login'];
export type Registration = Schemas['Register'];
export type SignedIn = Schemas['SignedIn'];
export type Tokens = Schemas['Tokens'];
export type NewOrder = Schemas['CreateOrder'];
export type SystemState = Schemas['SystemState'];
export type PatternState = Schemas['PatternState'];
export type ListenerState = Schemas['ListenerState'];
export type RelayState = Schemas['RelayState'];
export type DatabaseState = Schemas['DatabaseState'];
export type Moment = Schemas['Moment'];

export type Profile = Schemas['Profile'];
export type NameChange = Schemas['UpdateProfile'];
export type PasswordChange = Schemas['ChangePassword'];
/** A session as the user service knows it. */
export type SessionInfo = Schemas['Session'];
export type Order = Schemas['Order'];
/** The customer is there once the order service has heard of the account. */
export type OrderDetail = Schemas['OrderDetail'];
export type OrderHistory = Schemas['OrderHistory'];
export type EventHistory = Schemas['EventHistory'];
export type ListenerHistory = Schemas['ListenerHistory'];
