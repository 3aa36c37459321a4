//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// configure writes the configuration of a server, which lies beside its data so
// that a copy of the data does not bring it along. standby names who confirms
// every commit, source is whom the server follows; both may be empty.
func (s *Server) configure(standby, source string) error {
	lines := append(s.settings(), "synchronous_standby_names = '"+standby+"'", "primary_conninfo = '"+source+"'")
	lines = append(lines, s.bed.config.Settings...)
	access := "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
	return errors.Join(
		s.bed.tools.WriteFile(s.file(".hba"), access),
		s.bed.tools.WriteFile(s.file(".conf"), strings.Join(lines, "\n")+"\n"),
	)
}

// settings are small, and notice a silent partner within seconds. What a killed
// server leaves of its shared memory is in its directory and goes with it.
func (s *Server) settings() []string {
	keep, longest, shortest := "512MB", "512MB", "80MB"
	if s.wal != nil {
		keep, longest, shortest = "16MB", "48MB", "32MB"
	}
	durable := "off"
	if s.bed.config.Durable {
		durable = "on"
	}
	return []string{
		"listen_addresses = '127.0.0.1'",
		fmt.Sprintf("port = %d", s.port),
		"unix_socket_directories = ''",
		"hba_file = '" + s.file(".hba") + "'",
		"max_connections = 200",
		"shared_buffers = 64MB",
		"dynamic_shared_memory_type = mmap",
		"fsync = " + durable,
		"full_page_writes = " + durable,
		"synchronous_commit = on",
		"wal_level = replica",
		"max_wal_senders = 8",
		"wal_keep_size = " + keep,
		"max_wal_size = " + longest,
		"min_wal_size = " + shortest,
		"wal_sender_timeout = 5s",
		"wal_receiver_timeout = 5s",
		"wal_receiver_status_interval = 1s",
		"wal_retrieve_retry_interval = 200ms",
		"log_line_prefix = '%m [%p] '",
	}
}

// confirmBy says which standby confirms every commit from now on, "" for none,
// and returns when it is so.
func (s *Server) confirmBy(ctx context.Context, standby string) error {
	if err := s.configure(standby, ""); err != nil {
		return err
	}
	s.process().signal(syscall.SIGHUP)
	return s.await(ctx, fmt.Sprintf("SELECT current_setting('synchronous_standby_names') = '%s'", standby))
}
