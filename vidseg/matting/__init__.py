"""Matting: frames → masks over time → full-size alphas. Knows neither files nor FFmpeg."""
