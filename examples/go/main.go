// A client with the broker's own Go library, by direct reply-to.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	connection := must(amqp.Dial(os.Getenv("AMQP_URL")))
	defer connection.Close()
	channel := must(connection.Channel())
	replies := must(channel.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil))
	id := must(os.ReadFile("/proc/sys/kernel/random/uuid"))[:36]
	packet := must(json.Marshal(map[string]any{"pattern": "orders.list", "data": map[string]any{"limit": 2}, "id": string(id)}))
	if err := channel.Publish("patterns", "orders.list", false, false, amqp.Publishing{
		ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: string(id), MessageId: string(id), Expiration: "5000",
		Headers: amqp.Table{"caller": os.Getenv("CALLER")}, Body: packet,
	}); err != nil {
		panic(err)
	}
	var answer struct {
		Err      *struct{ Code string }
		Response struct{ Items []any }
	}
	if err := json.Unmarshal((<-replies).Body, &answer); err != nil {
		panic(err)
	}
	if answer.Err != nil {
		fmt.Println(answer.Err.Code)
	} else {
		fmt.Println(len(answer.Response.Items))
	}
}
