package postgres

import "testing"

func TestClusterGuard_AllowsOnlyWhatWasAdopted(t *testing.T) {
	t.Parallel()
	var g clusterGuard
	known := identity{System: "7", Timeline: "00000001", EventsOID: 16400}
	if !g.allows(known) || !g.allowsTable(1) || g.mismatch() {
		t.Error("before the first adoption a database was refused")
	}
	g.adopt(known)
	if !g.allows(known) || !g.allowsTable(16400) || g.mismatch() {
		t.Error("the adopted database was refused")
	}
	for name, other := range map[string]identity{
		"a new cluster":       {System: "8", Timeline: "00000001", EventsOID: 16400},
		"a promoted standby":  {System: "7", Timeline: "00000002", EventsOID: 16400},
		"a restored dump":     {System: "7", Timeline: "00000001", EventsOID: 16401},
		"one without a table": {System: "7", Timeline: "00000001"},
	} {
		g.adopt(known)
		if g.allows(other) || !g.mismatch() {
			t.Errorf("%s was allowed, or its refusal is not reported", name)
		}
	}
	g.adopt(known)
	if g.allowsTable(16401) || !g.mismatch() {
		t.Error("another events table was allowed, or its refusal is not reported")
	}
	g.adopt(known)
	if g.mismatch() {
		t.Error("a refusal is reported after the next adoption")
	}
}

func TestIdentity_OlderIsTheSameClusterOnAnEarlierTimeline(t *testing.T) {
	t.Parallel()
	known := identity{System: "7", Timeline: "0000000A"}
	for is, want := range map[identity]bool{
		{System: "7", Timeline: "00000009"}: true,
		{System: "7", Timeline: "0000000A"}: false,
		{System: "7", Timeline: "0000000B"}: false,
		{System: "8", Timeline: "00000001"}: false,
	} {
		if is.older(known) != want {
			t.Errorf("%+v is older: %v", is, !want)
		}
	}
}
