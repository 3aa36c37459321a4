package server

import (
	"net/http"

	"dateline/internal/auth"
	"dateline/internal/server/access"
)

// route is what the wall mounts.
type route struct {
	method  string
	path    string
	action  auth.Action
	handler access.Handler
	options access.Options
}

const (
	get    = http.MethodGet // and HEAD
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete

	onBlog    = access.OnBlog
	onRecent  = access.OnRecentBlog
	unlimited = access.Unlimited
)

// routes is the whole product: each method and path, the action that the policy is asked about,
// the handler, and what the route is about.
func (p *parts) routes() []route {
	blogs, posts, images, texts := p.blogs, p.posts, p.media, p.texts
	members, users, tokens, session, setup := p.members, p.users, p.tokens, p.session, p.setup
	follow, site, files, doc := p.follow, p.site, p.admin, p.doc
	const blog = "/api/v1/blogs/{slug}"
	return []route{
		{get, "/api/v1/blogs", auth.ReadPublic, blogs.List(), 0},
		{post, "/api/v1/blogs", auth.CreateBlog, blogs.Create(), 0},
		{get, blog, auth.ReadPublic, blogs.Get(), onBlog},
		{patch, blog, auth.EditBlog, blogs.Edit(), onBlog},
		{post, blog + "/end", auth.EditBlog, blogs.End(), onBlog},
		{post, blog + "/reopen", auth.EditBlog, blogs.Reopen(), onBlog},
		{put, blog + "/pinned", auth.PublishPost, blogs.Pin(), onBlog},

		{get, blog + "/posts", auth.ReadPublic, posts.List(), onBlog},
		{post, blog + "/posts", auth.SubmitPost, posts.Create(), onBlog},
		{get, blog + "/posts/{id}", auth.ReadPublic, posts.Get(), onBlog},
		{patch, blog + "/posts/{id}", auth.SubmitPost, posts.Edit(), onBlog},
		{remove, blog + "/posts/{id}", auth.SubmitPost, posts.Remove(), onBlog},
		{post, blog + "/posts/{id}/restore", auth.SubmitPost, posts.Restore(), onBlog},
		{get, blog + "/posts/{id}/revisions", auth.ReadUnpublished, posts.Revisions(), onBlog},
		{post, "/api/v1/preview", auth.UploadMedia, texts.Preview(), 0},

		{get, blog + "/stream", auth.ReadPublic, follow.Stream(), onRecent | unlimited},
		{get, blog + "/events", auth.ReadPublic, follow.Poll(), onRecent},
		{post, blog + "/views", auth.ReadPublic, follow.Views(), onRecent},
		{get, blog + "/stats", auth.ReadUnpublished, follow.Stats(), onBlog},

		{get, blog + "/members", auth.ManageMembers, members.List(), onBlog},
		{get, blog + "/members/{user_id}", auth.ManageMembers, members.Get(), onBlog},
		{put, blog + "/members/{user_id}", auth.ManageMembers, members.Set(), onBlog},
		{remove, blog + "/members/{user_id}", auth.ManageMembers, members.Remove(), onBlog},

		{post, "/api/v1/media", auth.UploadMedia, images.Upload(), access.OnQueryBlog},
		{get, "/api/v1/media/{id}", auth.UploadMedia, images.Get(), access.OnMedia},
		{patch, "/api/v1/media/{id}", auth.UploadMedia, images.Update(), access.OnMedia},

		{get, "/api/v1/setup", auth.ReadPublic, setup.Show(), 0},
		{post, "/api/v1/setup", auth.ReadPublic, setup.Claim(), 0},
		{post, "/api/v1/session", auth.ReadPublic, session.SignIn(), 0},
		{post, "/api/v1/session/refresh", auth.ReadPublic, session.Refresh(), 0},
		{get, "/api/v1/session", auth.OwnAccount, session.Show(), 0},
		{remove, "/api/v1/session", auth.ReadPublic, session.SignOut(), 0},
		{put, "/api/v1/account/password", auth.OwnAccount, session.ChangePassword(), 0},
		{get, "/api/v1/users", auth.ManageUsers, users.List(), 0},
		{post, "/api/v1/users", auth.ManageUsers, users.Create(), 0},
		{patch, "/api/v1/users/{id}", auth.ManageUsers, users.Update(), 0},
		{get, "/api/v1/tokens", auth.ManageTokens, tokens.List(), 0},
		{post, "/api/v1/tokens", auth.ManageTokens, tokens.Create(), 0},
		{remove, "/api/v1/tokens/{id}", auth.ManageTokens, tokens.Revoke(), 0},

		{get, "/api/v1/openapi.json", auth.ReadPublic, doc.Serve("application/openapi+json", doc.JSON, "3.1"), 0},
		{get, "/api/v1/openapi.yaml", auth.ReadPublic, doc.Serve("application/openapi+yaml", doc.YAML, "3.1"), 0},
		{get, "/api/v1/openapi-3.0.json", auth.ReadPublic, doc.Serve("application/openapi+json", doc.JSON, "3.0"), 0},
		{get, "/api/v1/openapi-3.0.yaml", auth.ReadPublic, doc.Serve("application/openapi+yaml", doc.YAML, "3.0"), 0},
		{get, "/api/docs", auth.ReadPublic, redirect("/api/docs/"), unlimited},
		{get, "/api/docs/*file", auth.ReadPublic, files.docs(), unlimited},
		{get, "/admin", auth.ReadPublic, redirect("/admin/"), unlimited},
		{get, "/admin/*file", auth.ReadPublic, files.admin(), unlimited},

		{get, "/", auth.ReadPublic, site.Home(), 0},
		{get, "/b/{slug}", auth.ReadPublic, site.Blog(), 0},
		{get, "/b/{slug}/p/{id}", auth.ReadPublic, site.Post(), 0},
		{get, "/b/{slug}/feed.atom", auth.ReadPublic, site.AtomFeed(), 0},
		{get, "/b/{slug}/feed.json", auth.ReadPublic, site.JSONFeed(), 0},
		{get, "/media/{id}/{name}", auth.ReadPublic, p.images.Image(), 0},
		{get, "/static/{name}", auth.ReadPublic, site.Static(), unlimited},
		{get, "/favicon.ico", auth.ReadPublic, site.Favicon(), unlimited},
		{get, "/robots.txt", auth.ReadPublic, site.Robots(), unlimited},

		{get, "/livez", auth.ReadPublic, alive(), unlimited},
		{get, "/readyz", auth.ReadPublic, readiness(p.ready), unlimited},
	}
}
