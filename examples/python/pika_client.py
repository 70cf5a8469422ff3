"""A client with pika, by direct reply-to."""

import json, os, uuid
import pika

channel = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])).channel()
replies = channel.consume("amq.rabbitmq.reply-to", auto_ack=True, inactivity_timeout=5)
next(replies)  # consuming has begun
mark = str(uuid.uuid4())
about = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id=mark, message_id=mark, expiration="5000",
                             headers={"caller": os.environ["CALLER"]})
packet = {"pattern": "orders.list", "data": {"limit": 2}, "id": mark}
channel.basic_publish("patterns", "orders.list", json.dumps(packet), about)
answer = json.loads(next(replies)[2])
print(answer["err"]["code"] if "err" in answer else len(answer["response"]["items"]))
channel.connection.close()
