package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	datav1 "prism.invalid/gomap/gen/prism/data/v1"
)

const (
	maxItemSize   = 1 << 20
	maxBatchItems = 1000
	maxPayload    = 4 << 20
	longestTTL    = 100 * 366 * 86400
	year2250      = 8_835_955_200
)

// declared are the capabilities of the manifest that operations and fields may need.
var declared = map[string]bool{"scan": true, "ttl": true, "versions": true, "compare_and_swap": true}

// check holds a request against the rules that the .proto states as options of its fields.
func check(message protoreflect.Message) error {
	c := checker{}
	c.message(message, "")
	if c.refused != nil {
		return c.refused
	}
	if len(c.violations) > 0 {
		return invalid(c.violations...)
	}
	return nil
}

type checker struct {
	violations []violation
	refused    error
}

func (c *checker) add(field, found, limit string) {
	c.violations = append(c.violations, violation{field, found, limit})
}

func (c *checker) message(message protoreflect.Message, path string) {
	described := message.Descriptor()
	for i := range described.Oneofs().Len() {
		oneof := described.Oneofs().Get(i)
		required, _ := proto.GetExtension(oneof.Options(), datav1.E_OneRequired).(bool)
		if required && message.WhichOneof(oneof) == nil {
			var names []string
			for j := range oneof.Fields().Len() {
				names = append(names, string(oneof.Fields().Get(j).Name()))
			}
			c.add(path+string(oneof.Name()), "nothing", "one of "+strings.Join(names, ", ")+" is required")
		}
	}
	for i := range described.Fields().Len() {
		field := described.Fields().Get(i)
		rules, _ := proto.GetExtension(field.Options(), datav1.E_Rules).(*datav1.FieldRules)
		c.field(message, field, rules, path+string(field.Name()))
	}
}

func (c *checker) field(message protoreflect.Message, field protoreflect.FieldDescriptor, rules *datav1.FieldRules, path string) {
	value := message.Get(field)
	set := message.Has(field)
	if need := rules.GetRequires(); need != "" && set && !declared[need] && c.refused == nil {
		c.refused = undeclared(need, "the field "+string(field.Name()))
	}
	if rules.GetRequired() && !set {
		c.add(path, "nothing", "it is required")
	}
	if !set {
		return
	}
	switch {
	case field.IsMap():
		c.mapping(value.Map(), rules, path)
	case field.IsList():
		c.list(value.List(), field, rules, path)
	default:
		c.value(value, field, rules, path)
	}
}

func (c *checker) count(count int, rules *datav1.FieldRules, path string) {
	most := maxBatchItems
	if rules.GetMaxItems() > 0 {
		most = int(rules.GetMaxItems())
	}
	if count > most {
		c.add(path, fmt.Sprintf("%d elements", count), fmt.Sprintf("at most %d are allowed", most))
	}
}

func (c *checker) mapping(entries protoreflect.Map, rules *datav1.FieldRules, path string) {
	c.count(entries.Len(), rules, path)
	entries.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		name := key.String()
		where := fmt.Sprintf("%s['%.40s']", path, name)
		c.text(name, rules, where)
		c.text(value.String(), rules, where)
		return true
	})
}

func (c *checker) list(elements protoreflect.List, field protoreflect.FieldDescriptor, rules *datav1.FieldRules, path string) {
	c.count(elements.Len(), rules, path)
	seen := map[string]int{}
	for i := range elements.Len() {
		where := fmt.Sprintf("%s[%d]", path, i)
		element := elements.Get(i)
		if rules.GetUnique() {
			part, name := identity(element, field)
			if first, twice := seen[part]; twice {
				c.add(where, fmt.Sprintf("the same %s as element %d", name, first), "each may appear once")
			} else {
				seen[part] = i
			}
		}
		if !rules.GetIndependent() {
			c.value(element, field, rules, where)
		}
	}
}

// identity is what two elements must not have in common.
func identity(element protoreflect.Value, field protoreflect.FieldDescriptor) (string, string) {
	if field.Message() == nil {
		return element.String(), "value"
	}
	fields := field.Message().Fields()
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); name == "key" || name == "id" {
			part := element.Message().Get(fields.Get(i))
			if fields.Get(i).Kind() == protoreflect.BytesKind {
				return string(part.Bytes()), name
			}
			return part.String(), name
		}
	}
	return "", ""
}

func (c *checker) value(value protoreflect.Value, field protoreflect.FieldDescriptor, rules *datav1.FieldRules, path string) {
	switch field.Kind() {
	case protoreflect.StringKind:
		c.text(value.String(), rules, path)
	case protoreflect.BytesKind:
		most := int(rules.GetMaxBytes())
		if rules.GetItemSize() {
			most = maxItemSize
		}
		c.size(len(value.Bytes()), most, path)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		if most := rules.GetMaxValue(); most > 0 && value.Uint() > most {
			c.add(path, fmt.Sprint(value.Uint()), fmt.Sprintf("at most %d is allowed", most))
		}
	case protoreflect.MessageKind:
		if rules.GetTimeToLive() {
			c.timeToLive(value.Message().Interface().(*durationpb.Duration), path)
		} else if rules.GetExpiryTime() {
			c.expiryTime(value.Message().Interface().(*timestamppb.Timestamp), path)
		} else if strings.HasPrefix(string(field.Message().FullName()), "prism.") {
			c.message(value.Message(), path+".")
		}
	}
}

func (c *checker) text(value string, rules *datav1.FieldRules, path string) {
	if !c.size(len(value), int(rules.GetMaxBytes()), path) && strings.ContainsRune(value, 0) {
		c.add(path, "a NUL character", "NUL is allowed in bytes fields only")
	}
}

func (c *checker) size(size, most int, path string) bool {
	tooLong := most > 0 && size > most
	if tooLong {
		c.add(path, fmt.Sprintf("%d bytes", size), fmt.Sprintf("at most %d are allowed", most))
	}
	return tooLong
}

func (c *checker) expiryTime(at *timestamppb.Timestamp, path string) {
	seconds, nanos := at.GetSeconds(), at.GetNanos()
	valid := seconds >= 0 && seconds < year2250 && nanos >= 0 && nanos < 1_000_000_000
	if !valid || (seconds == 0 && nanos < 1000) {
		found := fmt.Sprintf("%.6f s since 1970", float64(seconds)+float64(nanos)/1e9)
		c.add(path, found, "a time to expire at is after 1970 began and before 2250")
	}
}

func (c *checker) timeToLive(ttl *durationpb.Duration, path string) {
	found := fmt.Sprintf("%gs", float64(ttl.GetSeconds())+float64(ttl.GetNanos())/1e9)
	switch {
	case ttl.GetSeconds() < 0 || ttl.GetNanos() < 0 || (ttl.GetSeconds() == 0 && ttl.GetNanos() < 1000):
		c.add(path, found, "a time to live is at least a microsecond")
	case ttl.GetSeconds() > longestTTL:
		c.add(path, found, fmt.Sprintf("a time to live is at most %ds", longestTTL))
	}
}
