// The client of oapi-codegen.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/uuid"

	"clients/api"
)

func check(ok bool, what any) {
	if !ok {
		log.Fatal(what)
	}
}

func must[T any](value T, err error) T {
	check(err == nil, err)
	return value
}

func main() {
	ctx := context.Background()
	client := must(api.NewClientWithResponses(os.Getenv("API_URL")))
	account := must(client.PostUsersRegisterWithResponse(ctx, api.Register{
		Email: "ada." + rand.Text() + "@example.org", Password: "correct " + rand.Text(),
		FirstName: "Ada", LastName: "Lovelace",
	}))
	token := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+account.JSON201.Tokens.AccessToken)
		return nil
	}
	for _, price := range []float64{999999.99, 0.07, 0.29} {
		body := api.CreateOrder{Title: "By Go", Description: "Generated", Price: price}
		order := must(client.PostOrdersWithResponse(ctx, nil, body, token))
		check(order.StatusCode() == 201, string(order.Body))
	}
	two := 2
	first := must(client.GetOrdersWithResponse(ctx, &api.GetOrdersParams{Limit: &two}, token))
	link := first.HTTPResponse.Header.Get("Link")
	next := must(url.Parse(strings.Trim(strings.Split(link, ";")[0], "<>")))
	cursor := next.Query().Get("cursor")
	rest := must(client.GetOrdersWithResponse(ctx, &api.GetOrdersParams{Limit: &two, Cursor: &cursor}, token))
	all := append(*first.JSON200, *rest.JSON200...)
	check(len(all) == 3 && all[0].Price == 0.29 && all[1].Price == 0.07 && all[2].Price == 999999.99, all)
	order := must(client.GetOrdersIdWithResponse(ctx, all[2].Id, token))
	check(order.JSON200 != nil && order.JSON200.Price == 999999.99, string(order.Body))
	nowhere := uuid.MustParse("0199f0a0-7c3e-7000-8000-000000000404")
	missing := must(client.GetOrdersIdWithResponse(ctx, nowhere, token))
	check(missing.ApplicationproblemJSON404 != nil, string(missing.Body))
	check(missing.ApplicationproblemJSON404.Code == "order_not_found", string(missing.Body))
}
