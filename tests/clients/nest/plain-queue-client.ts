// A stock Nest client as most are written: it declares the queue itself, durable and without arguments.
import { randomUUID } from 'node:crypto';
import { ClientProxyFactory, RmqRecordBuilder, Transport } from '@nestjs/microservices';
import { lastValueFrom, timeout } from 'rxjs';

const options = { urls: [process.env.AMQP_URL!], queue: 'orders.list', queueOptions: { durable: true } };
const client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
const about = { headers: { caller: process.env.CALLER! }, expiration: '5000', messageId: randomUUID() };
const asked = client.send('orders.list', new RmqRecordBuilder({ limit: 2 }).setOptions(about).build());
console.log((await lastValueFrom(asked.pipe(timeout(5000)))).items.length);
await client.close();
