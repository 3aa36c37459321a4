package server

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// Access is a line of the route table.
type Access = access

// Access gives the route table to tests.
func (s *Server) Access() []Access { return s.access }

// Routes gives what the engine really serves to tests.
func (s *Server) Routes() gin.RoutesInfo { return s.engine.Routes() }

// OpenAPI gives the document to tests.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }
