package main

import (
	"fmt"

	"dateline/internal/server"
)

// openapiCommand prints the OpenAPI document that a server of this version serves.
// The types of admin/src/api/schema.d.ts are generated from it.
type openapiCommand struct {
	Version string `arg:"" optional:"" default:"3.1" enum:"3.1,3.0" help:"Version of OpenAPI: 3.1, or 3.0 for tools that know no other."`
}

// Run is called by kong.
func (o *openapiCommand) Run(_ *Config, term console) error {
	s, err := server.New(server.Options{Version: version})
	if err != nil {
		return fmt.Errorf("make a server for its document: %w", err)
	}
	document, err := s.Document(o.Version)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(term.out, "%s\n", document)
	return err
}
