//go:build unix

package run

import (
	"reflect"
	"testing"
	"time"
)

var testPace = pace{Together: 3, Pause: span{time.Second, 2 * time.Second}, Scale: 1}

func TestPlan_IsOfItsSeed(t *testing.T) {
	t.Parallel()
	deal := func(seed uint64) []round { return newPlan(seed, catalogue(), 3, testPace).rounds(200) }
	if !reflect.DeepEqual(deal(7), deal(7)) {
		t.Error("one seed gave two plans")
	}
	if reflect.DeepEqual(deal(7), deal(8)) {
		t.Error("two seeds gave one plan")
	}
}

func TestPlan_DealsEveryKindAloneAndTogether(t *testing.T) {
	t.Parallel()
	times, together := map[string]int{}, map[string]int{}
	for _, r := range newPlan(1, catalogue(), 3, testPace).rounds(300) {
		for _, f := range r.Faults {
			times[f.Kind]++
			if len(r.Faults) > 1 {
				together[f.Kind]++
			}
		}
	}
	for _, k := range catalogue() {
		if times[k.id] < 10 {
			t.Errorf("%s came %d times in 300 rounds", k.id, times[k.id])
		}
		if k.id != "F40" && together[k.id] == 0 {
			t.Errorf("%s never came with another", k.id)
		}
	}
}

func TestPlan_CombinesOnlyWhatGoesTogether(t *testing.T) {
	t.Parallel()
	takes := map[string]claim{}
	for _, k := range catalogue() {
		takes[k.id] = k.takes
	}
	for _, r := range newPlan(3, catalogue(), 3, testPace).rounds(500) {
		var held claims
		for _, f := range r.Faults {
			if !held.allow(takes[f.Kind], f.Target) {
				t.Fatalf("%v does not go together", r)
			}
			held = held.with(takes[f.Kind], f.Target)
		}
	}
}

func TestChosen(t *testing.T) {
	t.Parallel()
	kinds, err := chosen(catalogue(), "f5, F7")
	if err != nil || len(kinds) != 2 || kinds[1].id != "F7" {
		t.Errorf("%v, %v", kinds, err)
	}
	if _, err := chosen(catalogue(), "F99"); err == nil {
		t.Error("an unknown fault was taken")
	}
}
