// A stock Nest emitter: tells our listeners of an order. The event's identity is its UUID message id. Nest 11.1 or newer.
import { randomUUID } from 'node:crypto';
import { ClientProxyFactory, RmqRecordBuilder, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

const options = { urls: [process.env.AMQP_URL!], wildcards: true, exchange: 'events', persistent: true, queueOptions: { noAssert: true } };
const client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
const [id, at] = [randomUUID(), new Date().toISOString()];
const order = { id, title: 'Emitted', description: 'By Nest', price: 5, userId: process.env.CALLER!, orderReference: null, createdAt: at, updatedAt: at };
await lastValueFrom(client.emit('order.created', new RmqRecordBuilder(order).setOptions({ messageId: id }).build()));
await client.close();
console.log('emitted');
