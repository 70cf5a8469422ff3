// What somebody asks of the gateway about their own account, typed by the contract.
import { client } from './client';
import type { NameChange, PasswordChange, Profile, SessionInfo } from './contract';
import { done, taken } from './open';

/** Changes the name; what is left out stays. */
export const updateProfile = async (body: NameChange): Promise<Profile> =>
  taken(await client.PATCH('/users/profile', { body }));

/** Changes the password. All other sessions end, this one goes on. */
export const changePassword = async (body: PasswordChange): Promise<void> =>
  done(await client.PUT('/users/password', { body }));

/** The sessions that are still good, the newest first. */
export const sessions = async (signal: AbortSignal): Promise<SessionInfo[]> =>
  taken(await client.GET('/users/sessions', { signal }));

export const endOneSession = async (id: string): Promise<void> =>
  done(await client.DELETE('/users/sessions/{id}', { params: { path: { id } } }));

/** Ends all sessions; this one too, unless it is to be kept. */
export const endAllSessions = async (keep?: 'current'): Promise<void> =>
  done(await client.DELETE('/users/sessions', { params: { query: keep ? { keep } : {} } }));
