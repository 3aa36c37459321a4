// Command clients follows a blog by the generated client, once: it is built, not
// shipped. What the document leaves out does not compile here.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"dateline/clients/api"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: clients URL BLOG TOKEN")
		os.Exit(2)
	}
	if err := follow(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// follow publishes a post and reads the events up to it.
func follow(ctx context.Context, url, slug, token string) error {
	client, err := api.NewClientWithResponses(url, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return err
	}
	key, body := "a-post-of-a-client-01", "Goal!"
	made, err := client.CreatePostWithResponse(ctx, slug, &api.CreatePostParams{IdempotencyKey: &key}, api.CreatePostBody{Body: &body})
	if err != nil {
		return err
	}
	if made.JSON201 == nil {
		return errors.New(made.Status())
	}
	after := "0"
	batch, err := client.PollEventsWithResponse(ctx, slug, &api.PollEventsParams{After: &after})
	if err != nil {
		return err
	}
	if batch.JSON200 == nil {
		return errors.New(batch.Status())
	}
	for _, e := range batch.JSON200.Events {
		fmt.Println(e.Seq, e.Type)
	}
	return nil
}
