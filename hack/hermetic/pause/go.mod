module weft.dev/hack/hermetic/pause

go 1.26.0
