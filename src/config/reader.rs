//! Reads typed values out of a tree. An error knows the key that it is about.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::Fault;
use super::tree::{Content, Node};

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Text(text) => visitor.visit_str(text),
            // A number that is not negative fits more types as an unsigned one.
            Content::Whole(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Content::Real(number) => visitor.visit_f64(*number),
            Content::Truth(truth) => visitor.visit_bool(*truth),
            Content::Foreign(name) => Err(Fault::invalid_type(Unexpected::Other(name), &visitor)),
            Content::List(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Content::Table(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Takes a choice by its word alone: a number is no choice.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Text(text) => {
                let text: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                visitor.visit_enum(text)
            }
            _ => {
                // The value is of another type: what it is and which words there are.
                let allowed = format!("one of \"{}\"", variants.join("\", \""));
                Err(self.unfit(&allowed.as_str()))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl Node {
    fn unfit(&self, wanted: &dyn serde::de::Expected) -> Fault {
        let found = match &self.content {
            Content::Text(text) => Unexpected::Str(text),
            Content::Whole(number) => Unexpected::Signed(*number),
            Content::Real(number) => Unexpected::Float(*number),
            Content::Truth(truth) => Unexpected::Bool(*truth),
            Content::Foreign(name) => Unexpected::Other(name),
            Content::List(_) => Unexpected::Seq,
            Content::Table(_) => Unexpected::Map,
        };
        Fault::invalid_type(found, wanted)
    }
}

/// The entries of a list. Their keys are their numbers.
struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((number, item)) = self.items.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(item);
        value
            .map(Some)
            .map_err(|fault| fault.within(number.to_string()))
    }
}

/// The entries of a table.
struct Entries<'de> {
    entries: std::collections::btree_map::Iter<'de, String, Node>,
    value: Option<(&'de String, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        let name: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|fault| fault.within(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.value.take() else {
            return Err(Fault::custom("a value was asked for before its key"));
        };
        seed.deserialize(value).map_err(|fault| fault.within(key))
    }
}
