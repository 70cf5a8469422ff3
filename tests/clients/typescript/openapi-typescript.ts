// openapi-typescript's types with openapi-fetch.
import createClient from 'openapi-fetch';
import { assert, cursor, nowhere, orders, prices, somebody, url } from './common';
import type { paths } from './generated/openapi-typescript';

const api = createClient<paths>({ baseUrl: url });
const { data: account } = await api.POST('/users/register', { body: somebody() });
const headers = { Authorization: `Bearer ${account!.tokens.access_token}` };
for (const body of orders) assert.equal((await api.POST('/orders', { body, headers })).response.status, 201);
const first = await api.GET('/orders', { headers, params: { query: { limit: 2 } } });
const query = { limit: 2, cursor: cursor(first.response.headers.get('link')) };
const { data: rest } = await api.GET('/orders', { headers, params: { query } });
assert.deepEqual([...first.data!, ...rest!].map(({ price }) => price), prices);
const { data: order } = await api.GET('/orders/{id}', { headers, params: { path: { id: rest![0].id } } });
assert.equal(order!.price, 999999.99);
const { error } = await api.GET('/orders/{id}', { headers, params: { path: { id: nowhere } } });
assert.equal(error!.code, 'order_not_found');
