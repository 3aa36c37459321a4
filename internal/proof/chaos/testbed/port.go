//go:build unix

package testbed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below those that the system gives to outgoing connections: who is
// started again finds its own free.
const (
	lowestPort  = 10_000
	highestPort = 32_000
)

// port takes a port of 127.0.0.1 for the life of the bed.
func (b *Bed) port() (int, error) {
	var last error
	for range 100 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if last = b.reserve(port); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// reserve tells other beds, in this process and in others, that a port is taken
// while nobody listens on it yet: it holds the port of the same number for UDP.
func (b *Bed) reserve(port int) error {
	ip := net.IPv4(127, 0, 0, 1)
	held, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		return err
	}
	b.ports = append(b.ports, held)
	free, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return err
	}
	return free.Close()
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
