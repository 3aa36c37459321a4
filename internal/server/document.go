package server

import (
	"encoding/json"
	"fmt"
)

// Document is the OpenAPI document of the API in a version: 3.1, or 3.0 for tools
// that know no other.
func (s *Server) Document(version string) ([]byte, error) {
	switch version {
	case "3.0":
		return s.api.OpenAPI().Downgrade()
	case "3.1":
		return json.Marshal(s.api.OpenAPI())
	default:
		return nil, fmt.Errorf("there is no document of OpenAPI %q", version)
	}
}
