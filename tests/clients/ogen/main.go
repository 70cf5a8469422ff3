// The client of ogen.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"net/url"
	"os"
	"strings"

	"github.com/google/uuid"

	"ogenclient/api"
)

func check(ok bool, what any) {
	if !ok {
		log.Fatalf("%#v", what)
	}
}

func must[T any](value T, err error) T {
	check(err == nil, err)
	return value
}

// What was wanted, and not one of the other answers of a route.
func as[T any](answer any, err error) T {
	check(err == nil, err)
	wanted, ok := answer.(T)
	check(ok, answer)
	return wanted
}

// The token, once there is one.
type session struct{ token string }

func (s *session) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: s.token}, nil
}

func main() {
	ctx, me := context.Background(), &session{}
	client := must(api.NewClient(os.Getenv("API_URL"), me))
	account := as[*api.SignedInHeaders](client.PostUsersRegister(ctx, &api.Register{
		Email: "ada." + rand.Text() + "@example.org", Password: "correct " + rand.Text(),
		FirstName: "Ada", LastName: "Lovelace",
	}))
	me.token = account.Response.Tokens.AccessToken
	for _, price := range []float64{999999.99, 0.07, 0.29} {
		body := &api.CreateOrder{Title: "By ogen", Description: "Generated", Price: price}
		order := as[*api.OrderHeaders](client.PostOrders(ctx, body, api.PostOrdersParams{}))
		check(order.Response.Price == price, order)
	}
	two := api.NewOptInt(2)
	first := as[*api.GetOrdersOKHeaders](client.GetOrders(ctx, api.GetOrdersParams{Limit: two}))
	link := first.Link.Or("")
	next := must(url.Parse(strings.Trim(strings.Split(link, ";")[0], "<>")))
	cursor := api.NewOptString(next.Query().Get("cursor"))
	rest := as[*api.GetOrdersOKHeaders](client.GetOrders(ctx, api.GetOrdersParams{Limit: two, Cursor: cursor}))
	all := append(first.Response, rest.Response...)
	check(len(all) == 3 && all[0].Price == 0.29 && all[1].Price == 0.07 && all[2].Price == 999999.99, all)
	order := as[*api.OrderDetailHeaders](client.GetOrdersId(ctx, api.GetOrdersIdParams{ID: all[2].ID}))
	check(order.Response.Price == 999999.99, order)
	nowhere := uuid.MustParse("0199f0a0-7c3e-7000-8000-000000000404")
	missing := as[*api.GetOrdersIdNotFoundHeaders](client.GetOrdersId(ctx, api.GetOrdersIdParams{ID: nowhere}))
	check(missing.Response.Code == api.GetOrdersIdNotFoundCodeOrderNotFound, missing)
}
