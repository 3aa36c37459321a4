package server

// PostStore keeps posts.
type PostStore interface{}

func (s *Server) postRoutes() {}
