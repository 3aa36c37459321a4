package broken

const (
	publish     = "internal/postgres/publish.go"
	transaction = "internal/postgres/tx.go"
	eventLog    = "internal/postgres/events.go"
	idempotency = "internal/postgres/idempotency.go"
)

// writing are mistakes in how changes are stored and acknowledged.
var writing = []Mutation{
	{
		Name: "ack-before-commit", What: "some changes are acknowledged and rolled back",
		Exposes: []string{"G1"},
		Edits: []Edit{{publish, `
	w, err := inTx(ctx, db.core, func(tx pgx.Tx) (liveblog.Written, error) { return f(postTx{tx, by, db.renderVersion}) })
`, `
	var rolledBack *liveblog.Written
	w, err := inTx(ctx, db.core, func(tx pgx.Tx) (liveblog.Written, error) {
		w, err := f(postTx{tx, by, db.renderVersion})
		if err == nil && broken("ack-before-commit") && seldom() {
			rolledBack, err = &w, errNotCommitted
		}
		return w, err
	})
	if errors.Is(err, errNotCommitted) {
		w, err = *rolledBack, nil
	}
`}},
	},
	{
		Name: "ack-unknown", What: "a COMMIT without an answer is taken for done",
		Exposes: []string{"G1"}, Needs: []string{Undecided},
		Edits: []Edit{{transaction, `
	if err == nil || certain(err) {
`, `
	if broken("ack-unknown") && err != nil && !certain(err) {
		return nil
	}
	if err == nil || certain(err) {
`}},
	},
	{
		Name: "ack-unconfirmed", What: "a commit that the standby did not confirm is acknowledged",
		Exposes: []string{"G1", "G6"}, Needs: []string{Standby},
		Edits: []Edit{{transaction, `custom[unreplicated] != nil {`, `custom[unreplicated] != nil && !broken("ack-unconfirmed") {`}},
	},
	{
		Name: "commit-locally", What: "changes do not wait for the standby",
		Exposes: []string{"G1", "G6"}, Needs: []string{Standby},
		Edits: []Edit{{transaction, `
	for attempt := range maxAttempts {
`, `
	if broken("commit-locally") {
		f = committingWith("local", f)
	}
	for attempt := range maxAttempts {
`}},
	},
	{
		Name: "commit-async", What: "changes do not wait for the disk",
		Exposes: []string{"G1", "G6"}, Needs: []string{Crash},
		Edits: []Edit{{transaction, `
	for attempt := range maxAttempts {
`, `
	if broken("commit-async") {
		f = committingWith("off", f)
	}
	for attempt := range maxAttempts {
`}},
	},
	{
		Name: "number-apart", What: "an event's number is taken in a transaction of its own, as from a sequence",
		Exposes: []string{"D5", "G4", "G5"}, Needs: []string{Retries},
		Edits: []Edit{{publish, `
	err = tx.QueryRow(ctx, ` + "`" + `
		UPDATE blogs SET last_seq = last_seq + 1
`, `
	err = numbers(tx).QueryRow(ctx, ` + "`" + `
		UPDATE blogs SET last_seq = last_seq + 1
`}},
	},
	{
		Name: "event-apart", What: "the event is stored after the post, in a transaction of its own",
		Exposes: []string{"G1", "D5", "G5"}, Needs: []string{Kill},
		Edits: []Edit{{publish, `
	if event != "" {
		appendEvent(`, `
	if event != "" && broken("event-apart") {
		appendLater(liveblog.Event{BlogID: p.BlogID, Seq: seq, Type: event, PostID: &p.ID, Version: p.Version})
	} else if event != "" {
		appendEvent(`}},
	},
	{
		Name: "key-ignored", What: "a repeated Idempotency-Key does the work again",
		Exposes: []string{"G2"}, Needs: []string{Retries, Answers},
		Edits: []Edit{{idempotency, `
	if errors.Is(err, pgx.ErrNoRows) {
`, `
	if errors.Is(err, pgx.ErrNoRows) || err == nil && broken("key-ignored") {
`}, {idempotency, `
	_, err := tx.Exec(ctx, ` + "`" + `
		INSERT INTO idempotency_keys`, `
	if broken("key-ignored") {
		return rememberAnew(ctx, tx, a, key, result)
	}
	_, err := tx.Exec(ctx, ` + "`" + `
		INSERT INTO idempotency_keys`}},
	},
	{
		Name: "key-apart", What: "the key is stored after the post, in a transaction of its own",
		Exposes: []string{"G2", "G1"}, Needs: []string{Retries},
		Edits: []Edit{{idempotency, `
	_, err := tx.Exec(ctx, ` + "`" + `
		INSERT INTO idempotency_keys`, `
	if broken("key-apart") {
		rememberLater(a, key, result)
		return nil
	}
	_, err := tx.Exec(ctx, ` + "`" + `
		INSERT INTO idempotency_keys`}},
	},
	{
		Name: "removal-untold", What: "a removal appends no event",
		Exposes: []string{"G1", "D5"},
		Edits: []Edit{{publish, `
	case was:
`, `
	case was && broken("removal-untold"):
		return ""
	case was:
`}},
	},
}
