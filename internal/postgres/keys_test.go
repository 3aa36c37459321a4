package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

func TestSigningKeys_AllNodesGetTheSame(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	all := make([][]liveblog.SigningKey, 10)
	errs := together(10, func(i int) (err error) {
		all[i], err = db.SigningKeys(context.Background(), system)
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, keys := range all {
		if len(keys) != 2 || !bytes.Equal(keys[0].Secret, all[0][0].Secret) || !bytes.Equal(keys[1].Secret, all[0][1].Secret) {
			t.Fatalf("the nodes hold different keys")
		}
	}
	if got := audited(t, db); len(got) != 2 {
		t.Errorf("audit log: %v", got)
	}
}
