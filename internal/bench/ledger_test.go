package bench

import "testing"

func TestLedger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		ids  []int64
		want Tally
	}{
		{"all", []int64{1, 2, 3, 4}, Tally{Deliveries: 4}},
		{"one lost", []int64{1, 2, 4}, Tally{Deliveries: 3, Missing: 1}},
		{"one twice", []int64{1, 2, 2, 3}, Tally{Deliveries: 4, Doubled: 1}},
		{"one late", []int64{1, 3, 4, 2, 5}, Tally{Deliveries: 5, Reordered: 1}},
		{"late and twice", []int64{1, 5, 3, 3, 4, 2}, Tally{Deliveries: 6, Reordered: 3, Doubled: 1}},
	} {
		var got Tally
		book := ledger{}
		for _, id := range test.ids {
			book.enter(id, &got)
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
