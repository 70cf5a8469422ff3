// The client of @hey-api/openapi-ts.
import { assert, cursor, nowhere, orders, prices, somebody, url } from './common';
import { client } from './generated/hey-api/client.gen';
import { getOrders, getOrdersId, postOrders, postUsersRegister } from './generated/hey-api/sdk.gen';

client.setConfig({ baseUrl: url });
const { data: account } = await postUsersRegister({ body: somebody() });
client.setConfig({ baseUrl: url, auth: account!.tokens.access_token });
for (const body of orders) assert.equal((await postOrders({ body })).response!.status, 201);
const first = await getOrders({ query: { limit: 2 } });
const { data: rest } = await getOrders({ query: { limit: 2, cursor: cursor(first.response!.headers.get('link')) } });
assert.deepEqual([...first.data!, ...rest!].map(({ price }) => price), prices);
assert.equal((await getOrdersId({ path: { id: rest![0].id } })).data!.price, 999999.99);
const { error } = await getOrdersId({ path: { id: nowhere } });
assert.equal(error!.code, 'order_not_found');
