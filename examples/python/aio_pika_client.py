"""A client with aio-pika, with a reply queue of its own, whose name the broker makes."""

import asyncio, json, os, uuid
import aio_pika


async def main():
    async with await aio_pika.connect(os.environ["AMQP_URL"]) as connection:
        channel = await connection.channel()
        replies = await channel.declare_queue(exclusive=True)
        patterns = await channel.get_exchange("patterns", ensure=False)
        mark = str(uuid.uuid4())
        packet = json.dumps({"pattern": "orders.list", "data": {"limit": 2}, "id": mark}).encode()
        about = dict(reply_to=replies.name, correlation_id=mark, message_id=mark, expiration=5,
                     headers={"caller": os.environ["CALLER"]})
        async with replies.iterator(no_ack=True, timeout=5) as answers:
            await patterns.publish(aio_pika.Message(packet, **about), "orders.list")
            answer = json.loads((await anext(answers)).body)
        print(answer["err"]["code"] if "err" in answer else len(answer["response"]["items"]))


asyncio.run(main())
