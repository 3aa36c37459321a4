package eventsource

import (
	"fmt"
	"strconv"
	"strings"
)

// Place reads the id of an event of a blog: its number or, in a receipt, the
// number and the chain, which is "" otherwise.
func Place(id string) (seq int64, chain string, err error) {
	number, chain, receipt := strings.Cut(id, ".")
	if seq, err = strconv.ParseInt(number, 10, 64); err != nil || seq < 0 || receipt && len(chain) != 16 {
		return 0, "", fmt.Errorf("eventsource: %q is no number and no receipt", id)
	}
	return seq, chain, nil
}
