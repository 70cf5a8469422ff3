// A client with the broker's own Go library, by direct reply-to.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	connection := must(amqp.Dial(os.Getenv("AMQP_URL")))
	defer connection.Close()
	channel := must(connection.Channel())
	replies := must(channel.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil))
	id := uuid.NewString()
	packet := map[string]any{"pattern": "orders.list", "data": map[string]any{"limit": 2}, "id": id}
	about := amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: id, MessageId: id, Expiration: "5000",
		Headers: amqp.Table{"caller": os.Getenv("CALLER")}, Body: must(json.Marshal(packet))}
	must(channel.PublishWithDeferredConfirm("patterns", "orders.list", false, false, about))
	fmt.Println(string((<-replies).Body))
}
