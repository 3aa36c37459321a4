// Command document writes the OpenAPI document that a node serves, in the version
// of its argument, "3.0" or "3.1". From it `make clients` generates clients.
package main

import (
	"fmt"
	"os"

	"dateline/internal/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("which version: 3.0 or 3.1")
	}
	s, err := server.New(server.Options{Version: "dev"})
	if err != nil {
		return err
	}
	document, err := s.Document(args[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}
