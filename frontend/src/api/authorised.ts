// Sends requests on behalf of whoever is signed in.
import { freshToken } from './refresh';
import { send } from './send';
import { currentSession } from './session';

/** Like fetch, with the access token; when that has expired, once more with a new one. */
export async function authorised(request: Request, deadline?: AbortSignal): Promise<Response> {
  const session = currentSession();
  if (!session) return send(request, deadline);
  const again = request.clone(); // a body can be read once
  const response = await send(signed(request, session.accessToken), deadline);
  if (response.status !== 401) return response;
  const token = await freshToken(session.accessToken);
  return token ? send(signed(again, token), deadline) : response;
}

function signed(request: Request, token: string): Request {
  const headers = new Headers(request.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return new Request(request, { headers });
}
