//go:build unix

package testbed

// disk is a small file system of its own.
type disk struct{ dir string }

func (d *disk) sub(name string) string { return d.dir + "/" + name }
func (d *disk) close() error           { return nil }

func (s *Server) newDisks() error { return nil }
