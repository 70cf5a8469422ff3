// orval's client with fetch, and its validators with zod on what is sent and answered.
import { assert, cursor, nowhere, orders, prices, somebody } from './common';
import { getOrders, getOrdersId, postOrders, postUsersRegister } from './generated/orval/api';
import * as zod from './generated/orval/zod';

const account = await postUsersRegister(zod.PostUsersRegisterBody.parse(somebody()));
assert(account.status === 201);
const about = { headers: { Authorization: `Bearer ${account.data.tokens.access_token}` } };
for (const order of orders) assert.equal((await postOrders(zod.PostOrdersBody.parse(order), about)).status, 201);
const first = await getOrders({ limit: 2 }, about);
const rest = await getOrders({ limit: 2, cursor: cursor(first.headers.get('link')) }, about);
assert(first.status === 200 && rest.status === 200);
const all = zod.GetOrdersResponse.parse([...first.data, ...rest.data]);
assert.deepEqual(all.map(({ price }) => price), prices);
const order = await getOrdersId(rest.data[0].id, about);
assert(order.status === 200 && zod.GetOrdersIdResponse.parse(order.data).price === 999999.99);
const error = await getOrdersId(nowhere, about);
assert(error.status === 404 && error.data.code === 'order_not_found');
