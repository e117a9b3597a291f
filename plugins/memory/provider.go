package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/palyra-go/palyra/sdk"
)

// provider makes vectors of texts. A failure is an *sdk.Error: retryable if the
// provider as a whole is at fault, final if it refuses these texts.
type provider interface {
	// Model names the space the vectors lie in; vectors of two models are never
	// compared.
	Model() string
	// Embed returns one vector for each text, in their order.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

func newProvider(in backfillIn) provider {
	if in.Endpoint == "" {
		return lexical{}
	}
	return openAI{endpoint: strings.TrimSuffix(in.Endpoint, "/"), model: in.Model}
}

const (
	lexicalModel = "lexical-hash-v1"
	lexicalDims  = 256
)

// lexical is the built-in model: words and their trigrams, hashed into a
// vector. It matches words and spelling, not meaning.
type lexical struct{}

func (lexical) Model() string { return lexicalModel }

func (lexical) Embed(_ context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		vectors[i] = hashVector(text)
	}
	return vectors, nil
}

// hashVector sums signed hashes of the features, in sorted order so that the
// sum is the same everywhere, and scales the vector to length 1.
func hashVector(text string) []float32 {
	counts := features(text)
	sum := make([]float64, lexicalDims)
	for _, f := range slices.Sorted(maps.Keys(counts)) {
		h := fnv.New64a()
		h.Write([]byte(f))
		x := h.Sum64()
		weight := 1 + math.Log(float64(counts[f]))
		if x>>63 == 1 {
			weight = -weight
		}
		sum[x%lexicalDims] += weight
	}
	norm := 0.0
	for _, x := range sum {
		norm += x * x
	}
	norm = math.Sqrt(norm)
	vector := make([]float32, lexicalDims)
	for i, x := range sum {
		if norm > 0 {
			vector[i] = float32(x / norm)
		}
	}
	return vector
}

func features(text string) map[string]int {
	counts := map[string]int{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		counts[word]++
		runes := []rune("^" + word + "$")
		for i := range len(runes) - 2 {
			counts["#"+string(runes[i:i+3])]++
		}
	}
	return counts
}

// The limits of one call of an endpoint.
const (
	callTimeout = time.Minute
	maxAnswer   = 32 << 20 // bytes
)

// openAI is an endpoint that speaks the embeddings API of OpenAI, as Ollama,
// llama.cpp and vLLM do.
type openAI struct {
	endpoint, model string
}

func (p openAI) Model() string { return p.model }

func (p openAI) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"model": p.model, "input": texts})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.endpoint+"/embeddings", bytes.NewReader(body))
	if err != nil {
		return nil, &sdk.Error{Code: "bad_endpoint", Message: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, unavailable("%v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, unavailable("%v", err)
	}
	if len(answer) > maxAnswer {
		return nil, refused("an answer of more than %d bytes", maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode, answer)
	}
	return decodeAnswer(answer, len(texts))
}

// statusError tells a provider that is in trouble from one that refuses the
// texts: 400, 413 and 422 are about what was sent.
func statusError(status int, answer []byte) error {
	excerpt := strings.TrimSpace(string(answer[:min(len(answer), 200)]))
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return refused("status %d: %s", status, excerpt)
	}
	return unavailable("status %d: %s", status, excerpt)
}

func decodeAnswer(answer []byte, texts int) ([][]float32, error) {
	var reply struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, unavailable("answer: %v", err)
	}
	if len(reply.Data) != texts {
		return nil, unavailable("%d embeddings for %d texts", len(reply.Data), texts)
	}
	vectors := make([][]float32, texts)
	for _, d := range reply.Data {
		if d.Index < 0 || d.Index >= texts || vectors[d.Index] != nil {
			return nil, unavailable("embedding with index %d, twice or out of range", d.Index)
		}
		if !usable(d.Embedding) || len(d.Embedding) != len(reply.Data[0].Embedding) {
			return nil, unavailable("an embedding that is empty, zero, not finite or of another length")
		}
		vectors[d.Index] = d.Embedding
	}
	return vectors, nil
}

// usable reports whether v can be compared with others.
func usable(v []float32) bool {
	norm := 0.0
	for _, x := range v {
		norm += float64(x) * float64(x)
	}
	return norm > 0 && !math.IsInf(norm, 0) && !math.IsNaN(norm)
}

func unavailable(format string, args ...any) error {
	return &sdk.Error{Code: "provider", Message: fmt.Sprintf(format, args...), Retryable: true}
}

func refused(format string, args ...any) error {
	return &sdk.Error{Code: "provider_refused", Message: fmt.Sprintf(format, args...)}
}
