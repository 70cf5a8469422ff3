// What this page asks of the gateway on behalf of whoever is signed in, typed by the contract.
import createClient from 'openapi-fetch';
import { type Filters, queryOf } from '../lib/filters';
import { authorised } from './authorised';
import type { NewOrder, Order, OrderDetail, OrderHistory, Profile, paths, SystemState } from './contract';
import { nextCursor } from './link';
import { taken } from './open';
import { gateway } from './send';

/** For what is asked on somebody's behalf. */
export const client = createClient<paths>({ baseUrl: gateway, fetch: (request) => authorised(request) });

const PAGE_SIZE = 20;

export interface OrderPage {
  items: Order[];
  /** The cursor of the next page; null on the last. */
  next: string | null;
  /** How many there are in all, as the first page tells; null where it was not told. */
  total: Total | null;
}

export interface Total {
  count: number;
  /** Whether there are more than were counted. */
  more: boolean;
}

export const profile = async (signal: AbortSignal): Promise<Profile> =>
  taken(await client.GET('/users/profile', { signal }));

export async function orders(filters: Filters, cursor: string | null, signal: AbortSignal): Promise<OrderPage> {
  const query = { limit: PAGE_SIZE, ...queryOf(filters), ...(cursor ? { cursor } : { total: true }) };
  const result = await client.GET('/orders', { params: { query }, signal });
  const { headers } = result.response;
  return { items: taken(result), next: nextCursor(headers.get('link')), total: totalOf(headers) };
}

function totalOf(headers: Headers): Total | null {
  const count = headers.get('x-total-count');
  return count === null ? null : { count: Number(count), more: headers.get('x-total-count-relation') === 'gte' };
}

export const order = async (id: string, signal: AbortSignal): Promise<OrderDetail> =>
  taken(await client.GET('/orders/{id}', { params: { path: { id } }, signal }));

/** What followed from an order, as far as it is known. */
export const history = async (id: string, signal: AbortSignal): Promise<OrderHistory> =>
  taken(await client.GET('/orders/{id}/history', { params: { path: { id } }, signal }));

/** Places an order; with the same key it is the same order, however often it is sent. */
export const createOrder = async (body: NewOrder, key: string): Promise<Order> =>
  taken(await client.POST('/orders', { body, params: { header: { 'Idempotency-Key': key } } }));

export const system = async (signal: AbortSignal): Promise<SystemState> =>
  taken(await client.GET('/system', { signal }));
