// What anybody may ask of the gateway, without an access token.
import createClient from 'openapi-fetch';
import type { Credentials, paths, Registration, SignedIn, Tokens } from './contract';
import { Problem, problemOf } from './problem';
import { gateway, send } from './send';

const client = createClient<paths>({ baseUrl: gateway, fetch: (request) => send(request) });

export const register = async (body: Registration): Promise<SignedIn> =>
  taken(await client.POST('/users/register', { body }));

export const login = async (body: Credentials): Promise<SignedIn> => taken(await client.POST('/users/login', { body }));

/** New tokens for a refresh token, which is good for nothing afterwards. */
export const refresh = async (userId: string, refreshToken: string): Promise<Tokens> =>
  taken(await client.POST('/users/refresh', { body: { userId, refreshToken } })).tokens;

/** Ends the session of a refresh token, so that the token is good for nothing. */
export async function logout(refreshToken: string): Promise<void> {
  taken(await client.POST('/users/logout', { body: { refreshToken } }));
}

/** A success that has no body; a Problem is thrown for everything else. */
export function done({ error, response }: { error?: unknown; response: Response }): void {
  if (!response.ok) throw problemOf(response, error);
}

/** The body of a success; a Problem is thrown for everything else. */
export function taken<T>(result: { data?: T; error?: unknown; response: Response }): T {
  const { data, error, response } = result;
  if (!response.ok) throw problemOf(response, error);
  if (data !== undefined) return data;
  throw new Problem({ status: response.status, code: 'unknown', message: 'The gateway sent no content.' });
}
