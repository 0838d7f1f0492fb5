package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// texts are texts that some pattern or format accepts, and others that it nearly accepts.
var texts = []string{
	"", "a", "abc", "A", "é", "x y", "\v", " ", "\n", "1", "foo", "foobar", "bar1", "%", "aGk=", "{}", "a/b", "a@b.c", "a@b", "\"a b\"@x.org", "a..b@c", "a@[1.2.3.4]",
	"a@[IPv6:::1]", "example.", "example.org", "-a.org", "a_b.org", "1.2.3.4", "01.2.3.4", "+1.2.3.4", "256.1.1.1", "::1", "fe80::1%eth0", "1::2::3", "::ffff:1.2.3.4",
	"2024-02-29", "2023-02-29", "2024-1-01", "0000-01-01", "12:00:00Z", "23:59:60Z", "22:59:60-01:00", "12:00:00.5+01:30", "12:00Z", "+1:00:00Z", "12:00:00+0a:00",
	"2024-02-29T12:00:00Z", "2024-02-29t12:00:00z", "2024-02-29 12:00:00Z", "P1Y2M3DT4H5M6S", "P1W", "P", "PT", "P1DT", "P1M1Y", "1P", "P1Y/2024-01-01T00:00:00Z",
	"2024-01-01T00:00:00Z/P1D", "1.2.3", "1.2", "v1.2.3", "1.2.3-a.01", "1.2.3-01a+b", "1.2.3+", "01.2.3", "/a/b", "/a~0b", "/a~2", "a~", "#", "0#", "01#", "1/a", "-1",
	"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae7dec11d0a76500a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BFG", "http://a.org/b?c#d", "http://", "//a/b", "a:b",
	"1:b", ":b", "http://a b", "http://a:x/", "http://a:1:2/", "x://a:1:2/", "http://[::1]:8/", "http://[::1", "http://[fe80::1%25en0]/", "http://u:p@h/", "http://u@v@h/",
	"http://u<@h/", "http://a/%zz", "http://a/%41", "http://a%41/", "http://a%c3/", "http://é/", "a\\b", "http://a/{x}", "http://a/{x", "http://a/{{x}}", "/{a}/{b}", "/%7B", "?", "*",
	"http:///a", "///a", "mailto:a@b", "http://a\x01/", "a b", "(", "a{3}", "[[:alpha:]]", "(?i)a", "(?=a)", "\\d+", "\\p{Greek}",
}

var patterns = []string{
	"^a", "a$", "^abc$", "^\\s$", "^\\S*$", "(?i)^ABC$", "(?P<n>a)", "\\Qa.b\\E", "[[:alpha:]]+", "^\\d+$", "^\\w+$", "\\bfoo", "^(foo|bar)$", "^.{1,3}$", "^[^a]*$", "a|b", "",
	"\\pL", "\\p{Greek}", "^$", "\\x41", "[a-z0-9-]+(\\.[a-z0-9-]+)*", "(?s)^.$", "^foo", "^(a|bc)$", "\\.", "(?=a)", "[", "\\cA", "(?<n>a)", "a{1001}", "^\\/a", "\\z", "\\D", "\\W",
}

var formatNames = []string{
	"json-pointer", "relative-json-pointer", "uuid", "duration", "period", "ipv4", "ipv6", "hostname", "email", "date", "time", "date-time", "uri", "iri", "uri-reference",
	"iri-reference", "uri-template", "semver", "regex", "idn-email", "idn-hostname", "unknown",
}

var drafts = []string{
	"", "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-07/schema",
	"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
}

type generator struct{ *rand.Rand }

func pick[T any](g generator, of []T) T { return of[g.IntN(len(of))] }

// value makes a random JSON value.
func (g generator) value(depth int) any {
	switch kind := g.IntN(9); {
	case kind == 0:
		return nil
	case kind == 1:
		return g.IntN(2) == 0
	case kind == 2:
		return g.IntN(5)
	case kind == 3:
		return pick(g, []float64{0.1, 0.3, 1.5, -2, 1e3, 1e21, 0.01, 19.99, 1.0, -0.5})
	case kind <= 5 || depth == 0:
		return pick(g, texts)
	case kind == 6:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	default:
		object := map[string]any{}
		for range g.IntN(4) {
			object[pick(g, []string{"a", "b", "c", "foo", "bar1", "é", ""})] = g.value(depth - 1)
		}
		return object
	}
}

func (g generator) list(depth int) []any {
	list := []any{}
	for range 1 + g.IntN(3) {
		list = append(list, g.schema(depth-1))
	}
	return list
}

func (g generator) named(depth int, names []string) map[string]any {
	object := map[string]any{}
	for range 1 + g.IntN(2) {
		object[pick(g, names)] = g.schema(depth - 1)
	}
	return object
}

func (g generator) schema(depth int) any {
	if g.IntN(12) == 0 {
		return g.IntN(2) == 0
	}
	schema := map[string]any{}
	names := []string{"a", "b", "foo", "bar1"}
	for range 1 + g.IntN(3) {
		count := 24
		if depth > 0 {
			count = 46
		}
		switch g.IntN(count) {
		case 0, 1:
			schema["type"] = pick(g, []any{"string", "integer", "number", "object", "array", "boolean", "null", []string{"string", "null"}, []string{"integer", "string"}})
		case 2:
			schema["enum"] = []any{g.value(1), g.value(1)}
		case 3:
			schema["const"] = g.value(1)
		case 4:
			schema["multipleOf"] = pick(g, []float64{1, 2, 0.1, 0.01, 1.5})
		case 5:
			schema["maximum"] = pick(g, []any{1, 1.5, 1e21})
		case 6:
			schema["exclusiveMinimum"] = pick(g, []any{0, 0.1, true})
		case 7:
			schema["minLength"] = g.IntN(3)
		case 8:
			schema["maxLength"] = g.IntN(4)
		case 9, 10, 11:
			schema["pattern"] = pick(g, patterns)
		case 12, 13, 14, 15, 16:
			schema["format"] = pick(g, formatNames)
		case 17:
			schema["maxItems"] = g.IntN(3)
		case 18:
			schema["uniqueItems"] = true
		case 19:
			schema["required"] = []string{pick(g, names)}
		case 20:
			schema["minProperties"] = g.IntN(3)
		case 21:
			schema[pick(g, []string{"contentEncoding", "contentMediaType"})] = pick(g, []string{"base64", "application/json"})
		case 22:
			schema["$ref"] = pick(g, []string{"#/$defs/a", "#/definitions/a", "b.json", "#anchor", "values.schema.json#/$defs/a", "#/$defs/none"})
		case 23:
			schema["minimum"] = pick(g, []any{1, 0.3, -1})
		case 24, 25:
			schema["properties"] = g.named(depth, names)
		case 26, 27:
			schema["patternProperties"] = g.named(depth, patterns)
		case 28:
			schema["additionalProperties"] = g.schema(depth - 1)
		case 29, 30:
			schema["items"] = g.schema(depth - 1)
		case 31:
			schema["items"] = g.list(depth)
		case 32:
			schema["prefixItems"] = g.list(depth)
		case 33:
			schema["additionalItems"] = g.schema(depth - 1)
		case 34:
			schema["contains"] = g.schema(depth - 1)
			schema["minContains"] = g.IntN(3)
		case 35:
			schema["propertyNames"] = g.schema(depth - 1)
		case 36:
			schema["dependencies"] = map[string]any{pick(g, names): pick(g, []any{[]string{"b"}, g.schema(depth - 1)})}
		case 37:
			schema["dependentSchemas"] = g.named(depth, names)
		case 38:
			schema["dependentRequired"] = map[string]any{"a": []string{"b"}}
		case 39:
			schema["allOf"] = g.list(depth)
		case 40:
			schema["anyOf"] = g.list(depth)
		case 41:
			schema["oneOf"] = g.list(depth)
		case 42:
			schema["not"] = g.schema(depth - 1)
		case 43:
			schema["if"], schema["then"], schema["else"] = g.schema(depth-1), g.schema(depth-1), g.schema(depth-1)
		case 44:
			schema["unevaluatedProperties"] = g.schema(depth - 1)
		case 45:
			schema["unevaluatedItems"] = g.schema(depth - 1)
		}
	}
	return schema
}

// chanceSchemas asks about random schemas and values.
func chanceSchemas(ask func(Case), seed uint64, count int) {
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	for range count {
		root := map[string]any{"properties": map[string]any{"v": g.schema(2)}}
		if draft := pick(g, drafts); draft != "" {
			root["$schema"] = draft
		}
		if g.IntN(2) == 0 {
			named := map[string]any{"$id": "b.json", "type": "integer"}
			root["$defs"] = map[string]any{"a": g.schema(1), "b": named, "c": map[string]any{"$anchor": "anchor", "type": "string"}}
			root["definitions"] = map[string]any{"a": g.schema(1), "d": map[string]any{"$id": "#anchor", "type": "string"}}
		}
		text := string(must(json.Marshal(root)))
		for range 4 {
			values := must(json.Marshal(map[string]any{"v": g.value(2)}))
			ask(Case{Suite: "schemas", Op: "schema", Text: text, Values: values})
		}
	}
}

// schemas asks about the suite of Helm's JSON Schema library: schemas with values that keep to them or do not.
func schemas(ask func(Case), folder string) {
	_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var groups []struct {
			Schema json.RawMessage
			Tests  []struct{ Data json.RawMessage }
		}
		if json.Unmarshal(text, &groups) != nil {
			return nil
		}
		for _, group := range groups {
			if len(group.Schema) == 0 {
				continue
			}
			// Values are an object, so the schema is used for a value in it.
			wrapped := fmt.Sprintf(`{"properties":{"v":%s}}`, group.Schema)
			var head struct {
				Schema string `json:"$schema"`
			}
			if json.Unmarshal(group.Schema, &head) == nil && head.Schema != "" {
				wrapped = fmt.Sprintf(`{"$schema":%q,"properties":{"v":%s}}`, head.Schema, group.Schema)
			}
			tests := group.Tests
			if len(tests) == 0 {
				tests = append(tests, struct{ Data json.RawMessage }{json.RawMessage("1")})
			}
			for _, test := range tests {
				values := json.RawMessage(fmt.Sprintf(`{"v":%s}`, test.Data))
				ask(Case{Suite: "jsonschema", Op: "schema", Text: wrapped, Values: values})
				ask(Case{Suite: "jsonschema", Op: "schema", Text: string(group.Schema), Values: values})
			}
		}
		return nil
	})
}
