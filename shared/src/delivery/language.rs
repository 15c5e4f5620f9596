//! The languages of messages, and the choice of one for a request.

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, the default.
    English,
    /// Chinese in simplified characters.
    Chinese,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Picks the language of a request: the body's `locale` if it names one of ours, else the best match of the header
    /// `Accept-Language`, else English. Each is a BCP 47 tag, or several with weights (RFC 9110, 12.5.4). `_` counts as
    /// `-`.
    #[must_use]
    pub fn pick(locale: Option<&str>, accept_language: Option<&str>) -> Self {
        [locale, accept_language].into_iter().flatten().find_map(Self::best_of).unwrap_or(Self::English)
    }

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }

    /// The supported language with the highest weight in a list of ranges; the first of equals.
    fn best_of(ranges: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in ranges.split(',') {
            let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = parameter.trim().strip_prefix(['q', 'Q']).and_then(|weight| weight.strip_prefix('='));
            let weight = weight.and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
            let Some(language) = Self::of_tag(tag.trim()) else { continue };
            if weight > 0.0 && weight <= 1.0 && best.is_none_or(|(_, highest)| weight > highest) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// The language of a tag's first subtag. `cmn` is Mandarin. `*` accepts any language and gives English.
    fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "zh" | "cmn" => Some(Self::Chinese),
            "en" | "*" => Some(Self::English),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_field_precedes_accept_language_and_english_is_the_default() {
        use Language::{Chinese, English};
        let table = [
            (None, None, English),
            (Some("zh"), None, Chinese),
            (Some("zh-CN"), Some("en"), Chinese),
            (Some("zh_Hans"), None, Chinese),
            (Some("ZH-hant-TW"), None, Chinese),
            (Some("cmn-Hans-CN"), None, Chinese),
            (Some("en-GB"), Some("zh-CN"), English),
            (Some("fr"), Some("zh-CN"), Chinese),
            (Some(""), Some("zh-CN"), Chinese),
            (Some("zhuang"), None, English),
            (None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Chinese),
            (None, Some("en-US,en;q=0.9,zh;q=0.8"), English),
            (None, Some("fr-CH, fr;q=0.9, zh;q=0.3, *;q=0.1"), Chinese),
            (None, Some("zh;q=0.1, *;q=0.5"), English),
            (None, Some("en;q=0, zh ; q=0.001"), Chinese),
            (None, Some("zh;q=0"), English),
            (None, Some("zh;q=2, en;q=0.1"), English),
            (None, Some("zh;q=NaN"), English),
            (None, Some("zh;level=1"), English),
            (None, Some("en;q=0.5,zh;Q=0.7"), Chinese),
            (None, Some(";;,,;q=,"), English),
        ];
        for (locale, header, language) in table {
            assert_eq!(Language::pick(locale, header), language, "{locale:?} {header:?}");
        }
    }
}
