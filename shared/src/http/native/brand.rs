//! The operator's brand, as the page gets it.

use serde::Serialize;

use crate::flows::brand::{Brand, Colors};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BrandReply {
    #[serde(skip_serializing_if = "Option::is_none")]
    colors: Option<ColorsReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
}

/// The colours by the names that the page's style has for them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ColorsReply {
    fill: String,
    on_fill: String,
    on_light: String,
    on_dark: String,
}

impl BrandReply {
    /// The brand; `None` if the operator has none.
    pub(super) fn new(brand: &Brand) -> Option<Self> {
        let colors = brand.colors.map(|Colors { fill, on_fill, on_light, on_dark }| ColorsReply {
            fill: fill.to_string(),
            on_fill: on_fill.to_string(),
            on_light: on_light.to_string(),
            on_dark: on_dark.to_string(),
        });
        (*brand != Brand::default()).then(|| Self { colors, logo: brand.logo.clone() })
    }
}
