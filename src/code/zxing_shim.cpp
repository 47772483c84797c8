// The border to zxing-cpp 1.4. docs/decisions/0004-barcodes.md says why it is called the way it is.
#include "code/zxing_shim.h"

#define ZX_USE_UTF8
#include <ZXing/ReadBarcode.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace
{

using ZXing::BarcodeFormat;

struct Symbology {
    BarcodeFormat format;
    const char *name;
};

constexpr Symbology symbologies[] = {
    {BarcodeFormat::Code128, "code128"},
    {BarcodeFormat::Code39, "code39"},
    {BarcodeFormat::EAN13, "ean13"},
    {BarcodeFormat::EAN8, "ean8"},
    {BarcodeFormat::UPCA, "upca"},
    {BarcodeFormat::UPCE, "upce"},
    {BarcodeFormat::DataMatrix, "datamatrix"},
    {BarcodeFormat::QRCode, "qr"},
};

// False for a result that is none of ours.
bool copy_symbol(const ZXing::Result &result, struct zxing_symbol *out)
{
    const auto known =
        std::find_if(std::begin(symbologies), std::end(symbologies),
                     [&](const Symbology &s) { return s.format == result.format(); });
    if (!result.isValid() || known == std::end(symbologies))
        return false;
    *out = {};
    out->symbology = known->name;
    const std::string text = result.text();
    out->length = text.size();
    std::memcpy(out->text, text.data(), std::min(text.size(), sizeof(out->text) - 1));
    const auto &position = result.position();
    for (int i = 0; i < 4; i++) {
        out->x[i] = position[i].x;
        out->y[i] = position[i].y;
    }
    return true;
}

ZXing::DecodeHints make_hints(ZXing::BarcodeFormats formats)
{
    // No pyramid of zxing-cpp's own: comparing what two of its layers found can abort.
    return ZXing::DecodeHints()
        .setFormats(formats)
        .setTryHarder(true)
        .setTryRotate(true)
        .setTryDownscale(false);
}

// What was found before an exception stays.
template <typename Read> int guard(Read read)
{
    try {
        read();
    } catch (const std::bad_alloc &) {
        return SE_ERR_MEMORY;
    } catch (const std::exception &) {
        return SE_OK;
    }
    return SE_OK;
}

} // namespace

int zxing_shim_read_linear(const uint8_t *pixels, int width, int height, int stride,
                           struct zxing_symbol *out, int *count)
{
    *count = 0;
    return guard([&] {
        const ZXing::ImageView view(pixels, width, height, ZXing::ImageFormat::Lum, stride);
        const auto hints =
            make_hints(BarcodeFormat::Code128 | BarcodeFormat::Code39 | BarcodeFormat::EAN13 |
                       BarcodeFormat::EAN8 | BarcodeFormat::UPCA | BarcodeFormat::UPCE);
        if (copy_symbol(ZXing::ReadBarcode(view, hints), out))
            *count = 1;
    });
}

int zxing_shim_read_matrix(const uint8_t *pixels, int width, int height, int stride, int max,
                           struct zxing_symbol *out, int *count)
{
    *count = 0;
    return guard([&] {
        const ZXing::ImageView view(pixels, width, height, ZXing::ImageFormat::Lum, stride);
        const auto hints = make_hints(BarcodeFormat::QRCode | BarcodeFormat::DataMatrix);
        for (const ZXing::Result &result : ZXing::ReadBarcodes(view, hints)) {
            if (*count < max && copy_symbol(result, &out[*count]))
                ++*count;
        }
    });
}
