//! Templates that fail, with the words of the error.

/// Failing templates, with the words that both errors have to hold.
pub const FAILING: &[(&str, &str)] = &[
    (
        "a: {{ .Values.nope.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ .Values.nothing.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "{{ if .Values.nope.x }}{{ end }}",
        "nil pointer evaluating interface {}.x",
    ),
    ("a: {{ .Values.text.x }}", "can't evaluate field x in type"),
    ("a: {{ .Values.list.x }}", "can't evaluate field x in type"),
    (
        "a: {{ .Release.Nope.x }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ required \"give me a value\" .Values.nope }}",
        "give me a value",
    ),
    ("a: {{ fail \"told to\" }}", "told to"),
    (
        "a: {{ include \"nowhere\" . }}",
        "error calling include: template: no template \"nowhere\" associated with template",
    ),
    (
        "{{ template \"nowhere\" . }}",
        "template \"nowhere\" not defined",
    ),
    (
        "a: {{ tpl \"{{ .Values.nope.x }}\" . }}",
        "nil pointer evaluating interface {}.x",
    ),
    (
        "a: {{ tpl \"{{ nope }}\" . }}",
        "function \"nope\" not defined",
    ),
    (
        "a: {{ eq .Values.number 5 }}",
        "incompatible types for comparison",
    ),
    (
        "a: {{ lt .Values.number 5 }}",
        "incompatible types for comparison",
    ),
    ("a: {{ eq .Values.map .Values.map }}", "non-comparable type"),
    (
        "a: {{ gt .Values.text 1 }}",
        "incompatible types for comparison",
    ),
    (
        "a: {{ index .Values.list 3 }}",
        "error calling index: index out of range: 3",
    ),
    ("a: {{ index .Values.number 1 }}", "error calling index"),
    (
        "a: {{ len .Values.number }}",
        "error calling len: len of type float64",
    ),
    (
        "a: {{ trunc \"x\" \"y\" }}",
        "expected integer; found \"x\"",
    ),
    (
        "a: {{ trunc 1 }}",
        "wrong number of args for trunc: want 2 got 1",
    ),
    (
        "a: {{ upper .Values.number }}",
        "wrong type for value; expected string; got float64",
    ),
    (
        "a: {{ upper .Values.nothing }}",
        "wrong type for value; expected string; got interface {}",
    ),
    (
        "a: {{ repeat -1 \"x\" }}",
        "error calling repeat: strings: negative Repeat count",
    ),
    (
        "a: {{ indent -1 \"x\" }}",
        "error calling indent: strings: negative Repeat count",
    ),
    (
        "a: {{ substr 5 3 \"hello\" }}",
        "error calling substr: runtime error: slice bounds out of range",
    ),
    (
        "a: {{ substr 9 -1 \"hello\" }}",
        "error calling substr: runtime error: slice bounds out of range",
    ),
    (
        "a: {{ div 1 0 }}",
        "error calling div: runtime error: integer divide by zero",
    ),
    (
        "a: {{ mod 1 0 }}",
        "error calling mod: runtime error: integer divide by zero",
    ),
    (
        "a: {{ divf 1 0 }}",
        "error calling divf: decimal division by 0",
    ),
    (
        "a: {{ first .Values.text }}",
        "error calling first: Cannot find first on type string",
    ),
    (
        "a: {{ last .Values.map }}",
        "error calling last: Cannot find last on type map",
    ),
    (
        "a: {{ rest .Values.nope }}",
        "error calling rest: runtime error: invalid memory address or nil pointer dereference",
    ),
    (
        "a: {{ initial 1 }}",
        "error calling initial: Cannot find initial on type int",
    ),
    (
        "a: {{ append .Values.text 1 }}",
        "error calling append: Cannot push on type string",
    ),
    (
        "a: {{ prepend .Values.text 1 }}",
        "error calling prepend: Cannot prepend on type string",
    ),
    (
        "a: {{ reverse .Values.text }}",
        "error calling reverse: Cannot find reverse on type string",
    ),
    (
        "a: {{ uniq .Values.text }}",
        "error calling uniq: Cannot find uniq on type string",
    ),
    (
        "a: {{ compact .Values.number }}",
        "error calling compact: Cannot compact on type float64",
    ),
    (
        "a: {{ without .Values.text 1 }}",
        "error calling without: Cannot find without on type string",
    ),
    (
        "a: {{ has 1 .Values.text }}",
        "error calling has: Cannot find has on type string",
    ),
    (
        "a: {{ concat .Values.list .Values.text }}",
        "error calling concat: Cannot concat type string as list",
    ),
    (
        "a: {{ chunk 2 .Values.text }}",
        "error calling chunk: Cannot chunk type string",
    ),
    (
        "a: {{ slice .Values.text 1 2 }}",
        "error calling slice: list should be type of slice or array but string",
    ),
    (
        "a: {{ slice .Values.list 3 1 }}",
        "error calling slice: reflect.Value.Slice: slice index out of bounds",
    ),
    (
        "a: {{ get .Values.text \"a\" }}",
        "wrong type for value; expected map[string]interface {}; got string",
    ),
    (
        "a: {{ get .Values.nothing \"a\" }}",
        "wrong type for value; expected map[string]interface {}; got interface {}",
    ),
    (
        "a: {{ dig \"a\" \"b\" }}",
        "error calling dig: dig needs at least three arguments",
    ),
    (
        "a: {{ dig \"a\" \"b\" \"d\" .Values.map }}",
        "error calling dig: interface conversion: interface {} is float64, not map[string]interface {}",
    ),
    (
        "a: {{ dig \"map\" \"d\" .Values }}",
        "error calling dig: interface conversion: interface {} is common.Values, not map[string]interface {}",
    ),
    (
        "a: {{ dig 1 \"d\" .Values.map }}",
        "error calling dig: interface conversion: interface {} is int, not string",
    ),
    (
        "a: {{ ternary 1 2 .Values.text }}",
        "wrong type for value; expected bool; got string",
    ),
    (
        "a: {{ semver \"x\" }}",
        "error calling semver: invalid semantic version",
    ),
    (
        "a: {{ semver \"1.2.3-01\" }}",
        "error calling semver: version segment starts with 0",
    ),
    (
        "a: {{ semverCompare \"~~1\" \"1.0.0\" }}",
        "error calling semverCompare: improper constraint: \"~~1\"",
    ),
    (
        "a: {{ regexFind \"a**\" \"a\" }}",
        "invalid nested repetition operator",
    ),
    (
        "a: {{ mustRegexMatch \"(\" \"a\" }}",
        "error parsing regexp",
    ),
    (
        "a: {{ regexReplaceAll \"[\" \"a\" \"b\" }}",
        "missing closing ]",
    ),
    (
        "a: {{ urlParse \"http://h:x/\" }}",
        "error calling urlParse: unable to parse url",
    ),
    (
        "a: {{ urlJoin (dict \"host\" 1) }}",
        "error calling urlJoin: unable to parse host key, must be of type string, but int found",
    ),
    ("a: {{ mustFromJson \"{\" }}", "error calling mustFromJson"),
    (
        "a: {{ mustToYaml (float64 \"nan\") }}",
        "json: unsupported value: NaN",
    ),
    (
        "a: {{ range .Values.number }}{{ end }}",
        "range can't iterate over 5",
    ),
    ("a: {{ nope }}", "function \"nope\" not defined"),
    ("a: {{ $nope }}", "undefined variable \"$nope\""),
    ("a: {{ break }}", "{{break}} outside {{range}}"),
    ("a: {{ nil }}", "nil is not a command"),
    ("a: {{ \"x }}", "unterminated quoted string"),
    ("a: {{ end }}", "unexpected {{end}}"),
    (
        "a: {{ (fromYaml \"a: [\").Error | fail }}",
        "error converting YAML to JSON: yaml: line 1: did not find expected node content",
    ),
];

/// As [`FAILING`], where this engine has its own words for the same thing.
pub const WORDED_APART: &[(&str, &str, &str)] = &[
    (
        "a: {{ if }}{{ end }}",
        "missing value for if",
        "empty command",
    ),
    ("a: {{ if true }}", "unexpected EOF", "unexpected EOF"),
    (
        "a: [",
        "YAML parse error on wrong/templates/one.yaml",
        "wrong/templates/one.yaml: YAML parse error: line 3",
    ),
    (
        "a: \"x\" y",
        "YAML parse error on wrong/templates/one.yaml",
        "wrong/templates/one.yaml: YAML parse error: line 2",
    ),
    (
        "{{ define \"l\" }}{{ include \"l\" . }}{{ end }}{{ include \"l\" . }}",
        "nested reference name",
        "Bound(",
    ),
    (
        "a: {{ toRawJson (float64 \"inf\") }}",
        "json: unsupported value",
        "json: unsupported value",
    ),
    (
        "a: {{ b64dec \"?\" | b64dec | fail }}",
        "illegal base64 data",
        "illegal base64 data",
    ),
    (
        "a: {{ (fromJson \"{\").Error | fail }}",
        "unexpected end of JSON input",
        "the text is not JSON",
    ),
];
