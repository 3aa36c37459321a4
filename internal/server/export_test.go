package server

import (
	"dateline/internal/auth"
	"dateline/internal/server/access"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// Access gives the access table to tests.
func (s *Server) Access() []access.Route { return s.wall.Routes() }

// Routes gives what the engine really serves to tests.
func (s *Server) Routes() gin.RoutesInfo { return s.engine.Routes() }

// OpenAPI gives the document to tests.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.doc.OpenAPI() }

// NewWithAction makes a Server all of whose routes have one action.
func NewWithAction(o Options, action auth.Action) (*Server, error) {
	return newServer(o, func(all []route) []route {
		for i := range all {
			all[i].action = action
		}
		return all
	})
}
