// A client with nothing but amqplib, by direct reply-to.
import { randomUUID } from 'node:crypto';
import { connect } from 'amqplib';

const connection = await connect(process.env.AMQP_URL);
const channel = await connection.createChannel();
const reply = new Promise((done) => channel.consume('amq.rabbitmq.reply-to', done, { noAck: true }));
const id = randomUUID();
const request = { pattern: 'orders.list', data: { limit: 2 }, id };
const about = { replyTo: 'amq.rabbitmq.reply-to', correlationId: id, messageId: id, expiration: '5000', headers: { caller: process.env.CALLER } };
channel.publish('patterns', 'orders.list', Buffer.from(JSON.stringify(request)), about);
const { err, response } = JSON.parse((await reply).content);
console.log(err ? err.code : response.items.length);
await connection.close();
