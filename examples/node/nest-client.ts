// A stock Nest client of every pattern, by the topic exchange `patterns`. Nest 11.1 or newer: older ones hang.
import { randomUUID } from 'node:crypto';
import { ClientProxyFactory, RmqRecordBuilder, Transport } from '@nestjs/microservices';
import { lastValueFrom, timeout } from 'rxjs';

// Before 11.1.7 Nest declares a queue all the same, unless noAssert is set.
const options = { urls: [process.env.AMQP_URL!], wildcards: true, exchange: 'patterns', queueOptions: { noAssert: true } };
const client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
const ask = (pattern: string, data: unknown) => {
  const about = { headers: { caller: process.env.CALLER! }, expiration: '5000', messageId: randomUUID() };
  return lastValueFrom(client.send(pattern, new RmqRecordBuilder(data).setOptions(about).build()).pipe(timeout(5000)));
};

const order = await ask('orders.create', { title: 'By Nest', description: 'Through the exchange', price: 19.99 });
console.log((await ask('orders.get', { id: order.id })).title); // By Nest
await ask('orders.get', { id: randomUUID() }).catch((fault) => console.log(fault.code)); // order_not_found
await client.close();
