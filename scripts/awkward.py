#!/usr/bin/env python3
"""Make a folder of awkward clips with the ffmpeg program, for `scripts/survey.py` to judge.

    python scripts/awkward.py FOLDER [--only GLOB]
    python scripts/survey.py FOLDER --to all

Each clip is about a second long and has one thing that trips programs up: a container, a codec, a
pixel format, a size, a way to tell times, a kind of sound, subtitles or tags, or damage. What this
machine's ffmpeg can't make is named and left out. Nothing of it is random: the same folder comes
out every time.
"""

# ruff: noqa: E501 (a recipe is one command line)

import argparse
import fnmatch
import shlex
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

SECONDS = 1.2
V = f"-f lavfi -i testsrc2=s=160x96:r=25:d={SECONDS}"
SMALL = f"-f lavfi -i testsrc2=s=96x64:r=25:d={SECONDS}"
A = f"-f lavfi -i sine=f=440:r=48000:d={SECONDS}"
X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
H = f"{V} {A} {X264}"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error"

CONTAINERS = {
    "ts-mpeg2.ts": f"{V} {A} -c:v mpeg2video -c:a mp2",
    "ts-h264.ts": f"{H} -c:a aac -bf 2",
    "ts-wraps.ts": f"{H} -c:a aac -output_ts_offset 95443",
    "ts-m2ts.m2ts": f"{H} -c:a ac3 -mpegts_m2ts_mode 1",
    "ps-mpeg1.mpg": f"{V} {A} -c:v mpeg1video -c:a mp2",
    "ps-dvd.vob": f"{V} {A} -c:v mpeg2video -c:a ac3 -f vob",
    "flv1.flv": f"{V} {A} -c:v flv -c:a libmp3lame -ar 44100",
    "flv-h264.flv": f"{H} -c:a aac",
    "wmv2.wmv": f"{V} {A} -c:v wmv2 -c:a wmav2",
    "asf-msmpeg4.asf": f"{V} {A} -c:v msmpeg4 -c:a wmav1",
    "3gp-h263.3gp": f"-f lavfi -i testsrc2=s=176x144:r=25:d={SECONDS} {A} -c:v h263 -c:a aac",
    "ogg-theora.ogv": f"{V} {A} -c:v libtheora -c:a libvorbis",
    "gif.gif": f"{V}",
    "apng.apng": f"{V} -plays 0",
    "apng.png": f"{V} -plays 0 -f apng",
    "webp-animated.webp": f"{SMALL} -c:v libwebp_anim -loop 0",
    "avi-mjpeg.avi": f"{V} {A} -c:v mjpeg -c:a pcm_s16le",
    "avi-xvid-bframes.avi": f"{V} {A} -c:v mpeg4 -bf 2 -vtag XVID -c:a libmp3lame",
    "avi-h264-bframes.avi": f"{V} {A} -c:v libx264 -bf 2 -pix_fmt yuv420p -c:a adpcm_ms",
    "avi-huffyuv.avi": f"{V} {A} -c:v huffyuv -c:a pcm_s16le",
    "avi-raw-bgr24.avi": f"{SMALL} -c:v rawvideo -pix_fmt bgr24",
    "avi-raw-pal8.avi": f"{SMALL} -c:v rawvideo -pix_fmt pal8",
    "avi-cinepak.avi": f"{SMALL} -c:v cinepak",
    "avi-msvideo1.avi": f"{SMALL} -c:v msvideo1",
    "avi-dv.avi": f"-f lavfi -i testsrc2=s=720x576:r=25:d=0.4 {A} -shortest -c:v dvvideo -pix_fmt yuv420p",
    "avi-utvideo.avi": f"{SMALL} -c:v utvideo",
    "avi-zmbv.avi": f"{SMALL} -c:v zmbv",
    "dv-ntsc.dv": "-f lavfi -i testsrc2=s=720x480:r=30000/1001:d=0.4 -c:v dvvideo -pix_fmt yuv411p",
    "mxf-mpeg2.mxf": f"-f lavfi -i testsrc2=s=720x576:r=25:d=0.6 {A} -shortest -c:v mpeg2video -c:a pcm_s16le",
    "mxf-dnxhr.mxf": f"-f lavfi -i testsrc2=s=320x180:r=25:d=0.6 {A} -shortest -c:v dnxhd -profile:v dnxhr_hq "
    "-pix_fmt yuv422p -c:a pcm_s24le -timecode 10:00:00:00",
    "gxf.gxf": "-f lavfi -i testsrc2=s=720x576:r=25:d=0.4 -c:v mpeg2video",
    "y4m.y4m": f"{SMALL} -pix_fmt yuv420p",
    "nut-rgb24.nut": f"{SMALL} -c:v rawvideo -pix_fmt rgb24",
    "nut-pal8.nut": f"{SMALL} -c:v rawvideo -pix_fmt pal8",
    "hevc-10bit.mkv": f"{V} {A} {X265} -pix_fmt yuv420p10le -c:a libopus",
    "hevc-12bit-444.mkv": f"{V} {X265} -pix_fmt yuv444p12le",
    "av1.mp4": f"{V} {A} -c:v libsvtav1 -preset 12 -c:a aac",
    "av1.ivf": f"{V} -c:v libsvtav1 -preset 12",
    "av1.obu": f"{V} -c:v libsvtav1 -preset 12",
    "prores.mov": f"{V} {A} -c:v prores_ks -profile:v 2 -c:a pcm_s24le",
    "prores-4444-alpha.mov": f"{SMALL} -vf format=rgba,colorchannelmixer=aa=0.5 -c:v prores_ks -profile:v 4",
    "vp8-alpha.webm": f"{SMALL} -vf format=yuva420p -c:v libvpx -auto-alt-ref 0",
    "vp9-alpha.webm": f"{SMALL} -vf format=yuva420p -c:v libvpx-vp9 -cpu-used 8",
    "vp8-vorbis.webm": f"{V} {A} -c:v libvpx -cpu-used 8 -c:a libvorbis",
    "vp9-opus.webm": f"{V} {A} -c:v libvpx-vp9 -cpu-used 8 -c:a libopus",
    "vp9-live-no-duration.webm": f"{V} {A} -c:v libvpx-vp9 -cpu-used 8 -c:a libopus -live 1 -f webm",
    "raw-h264-bframes.h264": f"{V} -c:v libx264 -bf 2 -pix_fmt yuv420p",
    "raw-hevc.hevc": f"{V} {X265} -bf 2",
    "raw-mpeg2.m2v": f"{V} -c:v mpeg2video -bf 2",
    "raw-mpeg4.m4v": f"{V} -c:v mpeg4 -bf 1 -f m4v",
    "raw-mjpeg.mjpeg": f"{SMALL} -c:v mjpeg",
    "rm-rv20.rm": f"-f lavfi -i testsrc2=s=176x144:r=25:d={SECONDS} -c:v rv20",
    "swf.swf": f"{SMALL} -c:v flv",
    "wtv.wtv": f"{V} {A} -c:v mpeg2video -c:a mp2",
    "amv.amv": "-f lavfi -i testsrc2=s=160x128:r=15:d=1 -f lavfi -i sine=r=22050:d=1 -c:v amv -pix_fmt yuvj420p "
    "-c:a adpcm_ima_amv -ac 1 -ar 22050 -block_size 1470 -strict -1",
    "roq.roq": "-f lavfi -i testsrc2=s=128x128:r=30:d=0.6 -c:v roqvideo",
    "smjpeg.mjpg": f"{SMALL} -c:v mjpeg -f smjpeg",
    "f4v.f4v": f"{H} -c:a aac",
    "mp4-fragmented.mp4": f"{H} -c:a aac -g 10 -movflags frag_keyframe+empty_moov",
    "mp4-fragmented-default-base.mp4": f"{H} -c:a aac -g 10 -bf 2 -movflags frag_every_frame+empty_moov+default_base_moof",
    "mp4-ismv.ismv": f"{H} -c:a aac",
    "mp4-moov-last.mp4": f"{H} -c:a aac",
    "mp4-mpeg4.mp4": f"{V} {A} -c:v mpeg4 -bf 2 -c:a aac",
    "mov-qtrle.mov": f"{SMALL} -c:v qtrle",
    "mov-cfhd.mov": f"{V} -c:v cfhd",
    "mov-svq1.mov": f"{SMALL} -c:v svq1 -pix_fmt yuv410p",
    "mov-png.mov": f"{SMALL} -c:v png",
    "mov-jpeg2000.mov": f"{SMALL} -c:v jpeg2000",
    "mov-v210.mov": f"{SMALL} -c:v v210",
    "mkv-vc2.mkv": f"{V} -c:v vc2 -pix_fmt yuv422p",
    "mkv-snow.mkv": f"{SMALL} -c:v snow -strict -2",
    "mkv-live-no-cues.mkv": f"{H} -c:a aac -f matroska -live 1",
    "mkv-encrypted-like.mp4": f"{H} -c:a aac -encryption_scheme cenc-aes-ctr "
    "-encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8",
}

PIXELS = {
    f"pix-{name}.mkv": f"{SMALL} -c:v ffv1 -level 3 -pix_fmt {name}"
    for name in (
        "gray",
        "gray10le",
        "gray16le",
        "yuv410p",
        "yuv411p",
        "yuv440p",
        "yuv422p",
        "yuv444p",
        "yuv420p12le",
        "yuv422p12le",
        "yuv444p16le",
        "gbrp12le",
        "gbrp16le",
        "bgr0",
        "bgra",
        "yuva444p",
        "rgb48le",
        "ya8",
    )
} | {
    "pix-monow.nut": f"{SMALL} -c:v rawvideo -pix_fmt monow",
    "pix-nv12.nut": f"{SMALL} -c:v rawvideo -pix_fmt nv12",
    "pix-p010.nut": f"{SMALL} -c:v rawvideo -pix_fmt p010le",
    "pix-rgb565.nut": f"{SMALL} -c:v rawvideo -pix_fmt rgb565le",
    "pix-rgba64.nut": f"{SMALL} -c:v rawvideo -pix_fmt rgba64le",
    "pix-uyvy.nut": f"{SMALL} -c:v rawvideo -pix_fmt uyvy422",
    "pix-yuyv.avi": f"{SMALL} -c:v rawvideo -pix_fmt yuyv422",
    "pix-gbrp-x264rgb.mkv": f"{SMALL} -c:v libx264rgb -preset ultrafast",
    "pix-h264-422-10.mkv": f"{V} -c:v libx264 -preset ultrafast -pix_fmt yuv422p10le",
    "pix-h264-444.mp4": f"{V} -c:v libx264 -preset ultrafast -pix_fmt yuv444p",
    "pix-h264-gray.mkv": f"{V} -c:v libx264 -preset ultrafast -pix_fmt gray",
    "pix-yuvj420p.avi": f"{V} -c:v mjpeg -pix_fmt yuvj420p",
    "pix-yuvj444p.avi": f"{V} -c:v mjpeg -pix_fmt yuvj444p",
    "pix-xyz12.mov": f"{SMALL} -c:v jpeg2000 -pix_fmt xyz12le",
}

TAG = "-bsf:v h264_metadata=video_full_range_flag={0}:matrix_coefficients={1}:colour_primaries={2}:transfer_characteristics={3}"
HDR = "hdr-opt=1:repeat-headers=1:colorprim=bt2020:colormatrix=bt2020nc:log-level=error"
COLOURS = {
    "colour-709.mp4": f"{V} {X264} {TAG.format(0, 1, 1, 1)}",
    "colour-601-pal.mp4": f"{V} {X264} {TAG.format(0, 5, 5, 6)}",
    "colour-601-full.mp4": f"{V} {X264} {TAG.format(1, 6, 6, 6)}",
    "colour-709-full.mkv": f"{V} {X264} {TAG.format(1, 1, 1, 1)}",
    "colour-240m.mp4": f"{V} {X264} {TAG.format(0, 7, 7, 7)}",
    "colour-ycgco.mp4": f"{V} -c:v libx264 -pix_fmt yuv444p {TAG.format(0, 8, 1, 1)}",
    "colour-reserved.mp4": f"{V} {X264} {TAG.format(0, 3, 3, 3)}",
    "colour-2020-10.mkv": f"{V} {X265} -pix_fmt yuv420p10le -color_primaries bt2020 -colorspace bt2020nc "
    "-color_trc bt2020-10",
    "colour-pq-hdr10.mkv": f"{V} -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params {HDR}:"
    "transfer=smpte2084:max-cll=1000,400:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
    "L(10000000,50)",
    "colour-hlg.mp4": f"{V} -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params "
    f"{HDR}:transfer=arib-std-b67",
    "colour-pq-8bit.mp4": f"{V} {X264} {TAG.format(0, 9, 9, 16)}",
}

SIZES = {
    "size-1x1.nut": "-f lavfi -i testsrc=s=1x1:r=25:d=0.4 -c:v rawvideo -pix_fmt rgb24",
    "size-1x64.mkv": "-f lavfi -i testsrc=s=1x64:r=25:d=0.4 -c:v ffv1 -pix_fmt yuv444p",
    "size-2x2.mp4": f"-f lavfi -i testsrc=s=2x2:r=25:d=0.4 {X264}",
    "size-7x5.mkv": "-f lavfi -i testsrc=s=7x5:r=25:d=0.4 -c:v ffv1 -pix_fmt yuv420p",
    "size-3x200.mkv": "-f lavfi -i testsrc=s=3x200:r=25:d=0.4 -c:v ffv1 -pix_fmt yuv420p",
    "size-8192x16.mp4": f"-f lavfi -i testsrc2=s=8192x16:r=25:d=0.2 {X264}",
    "size-16x8192.mkv": "-f lavfi -i testsrc2=s=16x8192:r=25:d=0.2 -c:v ffv1 -pix_fmt yuv420p",
    "size-16400x32.mkv": "-f lavfi -i testsrc2=s=16400x32:r=25:d=0.1 -c:v ffv1 -pix_fmt yuv420p",
    "size-161x121.mkv": "-f lavfi -i testsrc2=s=161x121:r=25:d=0.4 -c:v ffv1 -pix_fmt yuv420p",
    "size-161x121-422.mkv": "-f lavfi -i testsrc2=s=161x121:r=25:d=0.4 -c:v ffv1 -pix_fmt yuv422p",
    "size-cropped-1920x1080.mp4": f"-f lavfi -i testsrc2=s=1920x1080:r=25:d=0.2 {X264}",
    "sar-4-3.mp4": f"{V} {X264} -vf setsar=4/3",
    "sar-64-45.ts": f"{V} -c:v mpeg2video -vf scale=720:576,setsar=64/45",
    "sar-wild.mkv": f"{V} {X264} -vf setsar=40/1",
    "rotate-90.mp4": f"{H} -c:a aac -metadata:s:v rotate=90",
    "rotate-180.mp4": f"{H} -c:a aac -metadata:s:v rotate=180",
    "rotate-270.mov": f"{H} -c:a aac -metadata:s:v rotate=270",
}

TIMES = {
    "interlaced-tff.ts": f"-f lavfi -i testsrc2=s=320x240:r=50:d={SECONDS} -vf tinterlace=interleave_top -c:v mpeg2video "
    "-flags +ildct+ilme",
    "interlaced-bff.mp4": f"-f lavfi -i testsrc2=s=320x240:r=50:d={SECONDS} -vf tinterlace=interleave_bottom {X264} "
    "-x264opts bff=1",
    "interlaced-tff-10bit.mkv": f"-f lavfi -i testsrc2=s=320x240:r=50:d={SECONDS} -vf tinterlace=interleave_top -c:v libx264 "
    "-preset ultrafast -pix_fmt yuv422p10le -x264opts tff=1",
    "telecined.ts": f"-f lavfi -i testsrc2=s=320x240:r=24000/1001:d={SECONDS} -vf telecine -c:v mpeg2video -flags +ildct",
    "rate-23976.mp4": f"-f lavfi -i testsrc2=s=160x96:r=24000/1001:d={SECONDS} {X264}",
    "rate-5994.mkv": f"-f lavfi -i testsrc2=s=160x96:r=60000/1001:d={SECONDS} {X264}",
    "rate-1.mp4": f"-f lavfi -i testsrc2=s=160x96:r=1:d=4 {X264}",
    "rate-0.1.mp4": f"-f lavfi -i testsrc2=s=160x96:r=1/10:d=40 {X264}",
    "rate-1000.mp4": f"-f lavfi -i testsrc2=s=160x96:r=1000:d=0.1 {X264}",
    "rate-240-mkv.mkv": f"-f lavfi -i testsrc2=s=160x96:r=240:d=0.2 {X264}",
    "vfr.mkv": f"{V} -vf setpts='PTS+0.3/TB*sin(N)*0.1+N*N/90/TB/30' {X264} -vsync vfr -bf 2",
    "vfr-timescale-1e6.mp4": f"{V} -vf settb=1/1000000,setpts='N*40000+mod(N*N*7919\\,30011)' {X264} -vsync passthrough "
    "-enc_time_base 1/1000000 -video_track_timescale 1000000 -bf 2",
    "timescale-10.mp4": f"-f lavfi -i testsrc2=s=160x96:r=10:d=2 {X264} -video_track_timescale 10",
    "timescale-prime.mov": f"{H} -c:a aac -video_track_timescale 19997",
    "one-frame.mp4": f"{V} {A} -frames:v 1 {X264} -c:a aac",
    "one-frame-alone.mkv": f"{V} -frames:v 1 {X264}",
    "one-frame.webm": f"{V} -frames:v 1 -c:v libvpx-vp9",
    "two-frames.mp4": f"{V} -frames:v 2 {X264}",
    "gap-of-an-hour.mp4": f"{V} -vf setpts='PTS+gte(N\\,15)*3600/TB' {X264} -vsync vfr",
    "same-time-twice.mkv": f"{V} -vf settb=1/1000,setpts='floor(N/2)*80' -c:v ffv1 -vsync passthrough",
    "starts-at-10h.mkv": f"{H} -c:a aac -output_ts_offset 36000",
    "starts-at-10h.ts": f"{H} -c:a aac -output_ts_offset 36000",
    "starts-at-10h.mp4": f"{H} -c:a aac -output_ts_offset 36000",
    "starts-below-zero.mkv": f"{H} -c:a aac -output_ts_offset -0.4 -avoid_negative_ts disabled",
    "starts-below-zero.mp4": f"{H} -c:a aac -bf 2 -output_ts_offset -0.4 -avoid_negative_ts disabled",
    "dts-goes-back.mkv": f"{V} -c:v mjpeg -bsf:v setts=pts='if(eq(mod(N\\,7)\\,3)\\,PTS-90\\,PTS)'",
    "audio-late.mp4": f"{V} -itsoffset 0.5 {A} {X264} -c:a aac",
    "audio-early.mp4": f"-itsoffset 0.5 {V} {A} {X264} -c:a aac",
    "audio-early.mkv": f"-itsoffset 0.5 {V} {A} {X264} -c:a aac",
    "audio-longer.mp4": f"{V} -f lavfi -i sine=r=48000:d=5 {X264} -c:a aac",
    "audio-shorter.mkv": f"{V} -f lavfi -i sine=r=48000:d=0.3 {X264} -c:a libvorbis",
    "bframes-no-edit-list.mp4": f"{H} -c:a aac -bf 3 -use_editlist 0",
    "bframes-negative-cts.mp4": f"{H} -c:a aac -bf 3 -movflags negative_cts_offsets",
    "open-gop.ts": f"{V} -c:v libx264 -x264opts open-gop=1:keyint=8:bframes=3 -pix_fmt yuv420p",
}

SOUNDS = {
    "sound-7.1.mp4": f"{H} -af aformat=channel_layouts=7.1 -c:a aac",
    "sound-7.1-flac.mkv": f"{H} -af aformat=channel_layouts=7.1 -c:a flac",
    "sound-5.1-side-ac3.mkv": f"{H} -af aformat=channel_layouts=5.1(side) -c:a ac3",
    "sound-5.1-opus.mkv": f"{H} -af aformat=channel_layouts=5.1 -c:a libopus -mapping_family 1",
    "sound-4.0.mkv": f"{H} -af aformat=channel_layouts=quad -c:a pcm_s16le",
    "sound-2.1.mkv": f"{H} -af aformat=channel_layouts=2.1 -c:a flac",
    "sound-6.1.mkv": f"{H} -af aformat=channel_layouts=6.1 -c:a flac",
    "sound-16ch.mov": f"{H} -af aformat=channel_layouts=hexadecagonal -c:a pcm_s16le",
    "sound-8k-mono-mulaw.mov": f"{H} -ar 8000 -c:a pcm_mulaw",
    "sound-11k.avi": f"{H} -ar 11025 -c:a pcm_u8",
    "sound-96k-flac.mkv": f"{H} -ar 96000 -c:a flac",
    "sound-192k-pcm.mov": f"{H} -ar 192000 -c:a pcm_s24le",
    "sound-adpcm.avi": f"{H} -c:a adpcm_ima_wav",
    "sound-alac.mov": f"{H} -c:a alac",
    "sound-alac.m4v": f"{H} -c:a alac -f mp4",
    "sound-ac3.mp4": f"{H} -c:a ac3",
    "sound-eac3.mkv": f"{H} -c:a eac3",
    "sound-dts.mkv": f"{H} -c:a dca -strict -2",
    "sound-truehd.mkv": f"{H} -c:a truehd -strict -2",
    "sound-mp2.mp4": f"{H} -c:a mp2",
    "sound-mp3.mkv": f"{H} -c:a libmp3lame",
    "sound-mp3.mp4": f"{H} -c:a libmp3lame",
    "sound-opus.mp4": f"{H} -c:a libopus",
    "sound-wavpack.mkv": f"{H} -c:a wavpack",
    "sound-tta.mkv": f"{H} -c:a tta",
    "sound-speex.mkv": f"{H} -ar 16000 -c:a libspeex",
    "sound-f32.mov": f"{H} -c:a pcm_f32le",
    "sound-s302m.ts": f"{H} -ac 2 -c:a s302m -strict -2",
    "sound-g726.mkv": f"{H} -ar 8000 -ac 1 -c:a g726",
    "sound-nellymoser.flv": f"{V} {A} -c:v flv -ar 22050 -c:a nellymoser",
    "sound-three-tracks.mkv": f"{V} {A} {A} {A} -map 0 -map 1 -map 2 -map 3 {X264} -c:a:0 aac -c:a:1 libopus -c:a:2 flac "
    "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:2 language=fre "
    "-metadata:s:a:0 title=Main -metadata:s:a:2 title=Kommentar -disposition:a:1 default -disposition:a:0 0",
    "sound-two-tracks.mp4": f"{V} {A} {A} -map 0 -map 1 -map 2 {X264} -c:a aac -metadata:s:a:0 language=eng "
    "-metadata:s:a:1 language=jpn",
}

OTHERS = {
    "streams-two-videos.mkv": f"{SMALL} {V} {A} -map 0 -map 1 -map 2 {X264} -c:a aac",
    "streams-two-videos.mp4": f"{V} {SMALL} {A} -map 0 -map 1 -map 2 {X264} -c:a aac -disposition:v:1 default",
    "streams-timecode.mov": f"{H} -c:a aac -timecode 01:02:03:04",
    "streams-timecode-drop.mov": f"-f lavfi -i testsrc2=s=160x96:r=30000/1001:d={SECONDS} {X264} -timecode '01:02:03;04'",
    "streams-timecode.mkv": f"{H} -c:a aac -timecode 01:02:03:04",
    "streams-tags.mp4": f"{H} -c:a aac -metadata title='Ein Titel — ñ' -metadata artist=Us -metadata comment='a\nb' "
    "-metadata creation_time=2020-02-03T04:05:06Z -metadata location=+48.2+16.3/",
    "streams-tags.mkv": f"{H} -c:a aac -metadata title=Tagged -metadata DATE_RECORDED=2020 -metadata encoder=X",
    "audio-only.m4a": f"{A} -c:a aac",
    "audio-only.mp3": f"{A} -c:a libmp3lame",
    "audio-only.wav": f"{A}",
    "odd-words.avi": f"{V} {A} -c:v mpeg4 -c:a libmp3lame -metadata title=\xe4\xf6",
    " leading space 100% ünï 'quote'.mp4": f"{H} -c:a aac",
    "-dash.mp4": f"{H} -c:a aac",
    "colon:name.mkv": f"{H} -c:a aac",
    "line\nbreak.mp4": f"{H} -c:a aac",
    "percent-%03d.mp4": f"{H} -c:a aac",
    "no-ending": f"{H} -c:a aac -f mp4",
    "wrong-ending.avi": f"{H} -c:a aac -f mp4",
    "video-called.jpg": f"{H} -c:a aac -f mp4",
}

TABLES = (CONTAINERS, PIXELS, COLOURS, SIZES, TIMES, SOUNDS, OTHERS)


def ffmpeg(arguments: list[str]) -> str:
    """Run ffmpeg; return why it failed, empty where it didn't."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-bitexact", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    return (done.stderr.strip().splitlines() or ["failed"])[-1] if done.returncode else ""


# -- what one command can't make
# ---------------------------------------------------------------------------


def pgs(width: int, height: int) -> bytes:
    """Return two Blu-ray subtitles (a white box, shown twice for 0.3 s) for a `width` x `height` picture."""
    data = b""
    for number, (start, end) in enumerate([(0.1, 0.4), (0.6, 0.9)]):
        data += _pgs_set(round(start * 90000), width, height, number, shown=True)
        data += _pgs_set(round(end * 90000), width, height, number, shown=False)
    return data


def _pgs_set(time: int, width: int, height: int, number: int, *, shown: bool) -> bytes:
    box_width, box_height = 40, 12

    def segment(kind: int, body: bytes) -> bytes:
        return b"PG" + struct.pack(">IIBH", time, 0, kind, len(body)) + body

    state = struct.pack(">HHBHBBBB", width, height, 0x10, number, 0x80, 0, 0, int(shown))
    placed = struct.pack(">HBBHH", 0, 0, 0, 20, 60) if shown else b""
    window = struct.pack(">BBHHHH", 1, 0, 20, 60, box_width, box_height)
    parts = segment(0x16, state + placed) + segment(0x17, window)
    if shown:
        palette = b"\0\0" + bytes([1, 235, 128, 128, 255])
        line = bytes([0, 0x80 | box_width, 1, 0, 0])
        lines = line * box_height
        header = struct.pack(">HBB", 0, 0, 0xC0) + (len(lines) + 4).to_bytes(3, "big")
        picture = header + struct.pack(">HH", box_width, box_height) + lines
        parts += segment(0x14, palette) + segment(0x15, picture)
    return parts + segment(0x80, b"")


SRT = "1\n00:00:00,100 --> 00:00:00,400\nHällo <i>you</i>\n\n2\n00:00:00,600 --> 00:00:00,900\ntwo\nlines\n\n"


def subtitles(folder: Path) -> dict[str, str]:
    """Return recipes with every kind of subtitles, attachments, chapters and cover art."""
    source, pictures, chapters, font, cover = (
        folder / name for name in (".a.srt", ".a.sup", ".a.txt", ".a.ttf", ".a.png")
    )
    source.write_text(SRT, encoding="utf-8")
    pictures.write_bytes(pgs(160, 96))
    chapters.write_text(
        ";FFMETADATA1\n" + "".join(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={b}\ntitle=Part {a}\n"
                                   for a, b in ((0, 500), (500, 800), (800, 1200)))
    )  # fmt: skip
    font.write_bytes(b"\0\1\0\0" + bytes(200))
    ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", str(cover)])
    text = f"{V} {A} -i {shlex.quote(str(source))} -map 0 -map 1 -map 2 {X264} -c:a aac -metadata:s:s language=ger"
    image = f"{V} {A} -i {shlex.quote(str(pictures))} -map 0 -map 1 -map 2 {X264} -c:a aac -metadata:s:s language=eng"
    art = f"-i {shlex.quote(str(cover))}"
    return {
        "subtitles-srt.mkv": f"{text} -c:s srt -disposition:s default+forced",
        "subtitles-ass.mkv": f"{text} -c:s ass",
        "subtitles-ssa.mkv": f"{text} -c:s ssa",
        "subtitles-webvtt.webm": f"{V} -i {shlex.quote(str(source))} -c:v libvpx-vp9 -cpu-used 8 -c:s webvtt",
        "subtitles-webvtt.mkv": f"{text} -c:s webvtt",
        "subtitles-movtext.mp4": f"{text} -c:s mov_text",
        "subtitles-pgs.mkv": f"{image} -c:s copy",
        "subtitles-pgs.m2ts": f"{image} -c:s copy",
        "subtitles-dvd.mkv": f"{image} -c:s dvdsub",
        "subtitles-dvd.vob": f"{V} {A} -i {shlex.quote(str(pictures))} -map 0 -map 1 -map 2 -c:v mpeg2video -c:a ac3 "
        "-c:s dvdsub -f vob",
        "subtitles-dvb.ts": f"{image} -c:s dvbsub",
        "chapters.mp4": f"{V} {A} -i {shlex.quote(str(chapters))} -map_metadata 2 -map_chapters 2 {X264} -c:a aac",
        "chapters.mkv": f"{V} {A} -i {shlex.quote(str(chapters))} -map_metadata 2 -map_chapters 2 {X264} -c:a aac",
        "attached-font.mkv": f"{H} -c:a aac -attach {shlex.quote(str(font))} -metadata:s:t mimetype=font/ttf",
        "cover.mp4": f"{V} {A} {art} -map 0 -map 1 -map 2 {X264} -c:a aac -c:v:1 png -disposition:v:1 attached_pic",
        "cover-first.mp4": f"{art} {V} {A} -map 0 -map 1 -map 2 -c:v:1 libx264 -pix_fmt:v:1 yuv420p -c:a aac -c:v:0 png "
        "-disposition:v:0 attached_pic",
        "cover.mkv": f"{H} -c:a aac -attach {shlex.quote(str(cover))} -metadata:s:t mimetype=image/png "
        "-metadata:s:t filename=cover.png",
        "cover-only.m4a": f"{A} {art} -map 0 -map 1 -c:a aac -c:v png -disposition:v attached_pic",
        "cover-only.mp3": f"{A} {art} -map 0 -map 1 -c:a libmp3lame -c:v png -disposition:v attached_pic",
    }


def _joined(folder: Path, name: str, first: str, second: str, ending: str = ".ts") -> None:
    """Write two clips one after the other, as a recorder does that goes on in the same file."""
    pieces = []
    for number, recipe in enumerate((first, second)):
        piece = folder / f".piece{number}{ending}"
        if trouble := ffmpeg([*shlex.split(recipe), str(piece)]):
            raise RuntimeError(trouble)
        pieces.append(piece.read_bytes())
        piece.unlink()
    (folder / name).write_bytes(b"".join(pieces))


def _cut(folder: Path, name: str, source: str, share: float) -> None:
    data = (folder / source).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])


def _zeroed(folder: Path, name: str, source: str, begin: float, end: float) -> None:
    data = bytearray((folder / source).read_bytes())
    low, high = int(begin * len(data)), int(end * len(data))
    data[low:high] = bytes(high - low)
    (folder / name).write_bytes(data)


def _patched(folder: Path, name: str, source: str, old: bytes, new: bytes) -> None:
    """Write a copy with every `old` replaced by `new` of the same length: a file that lies."""
    assert len(old) == len(new)
    (folder / name).write_bytes((folder / source).read_bytes().replace(old, new))


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _huge_png(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = (
        _png_chunk(b"IHDR", header)
        + _png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + _png_chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _huge_y4m(path: Path) -> None:
    path.write_bytes(b"YUV4MPEG2 W30000 H30000 F25:1 Ip C420\nFRAME\n" + bytes(5000))


BIG = f"-f lavfi -i testsrc2=s=192x128:r=25:d=0.8 {X264}"
BY_HAND: dict[str, Callable[[Path], None]] = {
    "changes-size.ts": lambda f: _joined(f, "changes-size.ts", f"{V} {X264}", BIG),
    "changes-size.h264": lambda f: _joined(f, "changes-size.h264", f"{V} {X264}", BIG, ".h264"),
    "changes-format.ts": lambda f: _joined(
        f, "changes-format.ts", f"{V} {X264}", f"{V} -c:v libx264 -preset ultrafast -pix_fmt yuv444p"
    ),
    "changes-depth.ts": lambda f: _joined(
        f, "changes-depth.ts", f"{V} {X264}", f"{V} -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le"
    ),
    "changes-colour.ts": lambda f: _joined(
        f, "changes-colour.ts", f"{V} {X264} {TAG.format(0, 1, 1, 1)}", f"{V} {X264} {TAG.format(1, 6, 6, 6)}"
    ),
    "changes-shape.ts": lambda f: _joined(f, "changes-shape.ts", f"{V} {X264}", f"{V} {X264} -vf setsar=4/3"),
    "times-restart.ts": lambda f: _joined(f, "times-restart.ts", f"{H} -c:a aac", f"{H} -c:a aac"),
    "becomes-interlaced.ts": lambda f: _joined(
        f, "becomes-interlaced.ts", f"{V} -c:v mpeg2video", f"{V} -c:v mpeg2video -flags +ildct+ilme -top 1"
    ),
    "cut-half.mkv": lambda f: _cut(f, "cut-half.mkv", "chapters.mkv", 0.5),
    "cut-half.ts": lambda f: _cut(f, "cut-half.ts", "ts-h264.ts", 0.5),
    "cut-half-no-moov.mp4": lambda f: _cut(f, "cut-half-no-moov.mp4", "mp4-moov-last.mp4", 0.5),
    "cut-half-fragmented.mp4": lambda f: _cut(f, "cut-half-fragmented.mp4", "mp4-fragmented.mp4", 0.6),
    "cut-90.webm": lambda f: _cut(f, "cut-90.webm", "vp9-opus.webm", 0.9),
    "cut-90.avi": lambda f: _cut(f, "cut-90.avi", "avi-mjpeg.avi", 0.9),
    "cut-header.mkv": lambda f: _cut(f, "cut-header.mkv", "chapters.mkv", 0.02),
    "zeroed-middle.mkv": lambda f: _zeroed(f, "zeroed-middle.mkv", "chapters.mkv", 0.4, 0.5),
    "zeroed-middle.ts": lambda f: _zeroed(f, "zeroed-middle.ts", "ts-h264.ts", 0.4, 0.5),
    "zeroed-middle.mp4": lambda f: _zeroed(f, "zeroed-middle.mp4", "mp4-moov-last.mp4", 0.3, 0.4),
    "zeroed-all-video.mp4": lambda f: _zeroed(f, "zeroed-all-video.mp4", "mp4-moov-last.mp4", 0.01, 0.9),
    "lies-codec.mp4": lambda f: _patched(f, "lies-codec.mp4", "mp4-moov-last.mp4", b"avc1", b"hvc1"),
    "unknown-codec.mp4": lambda f: _patched(f, "unknown-codec.mp4", "mp4-moov-last.mp4", b"avc1", b"qqqq"),
    "unknown-sound.mp4": lambda f: _patched(f, "unknown-sound.mp4", "mp4-moov-last.mp4", b"mp4a", b"qqqq"),
    "huge-picture.png": lambda f: _huge_png(f / "huge-picture.png"),
    "huge-header.y4m": lambda f: _huge_y4m(f / "huge-header.y4m"),
    "empty.mp4": lambda f: (f / "empty.mp4").write_bytes(b"") and None,
    "zeros.mp4": lambda f: (f / "zeros.mp4").write_bytes(bytes(100_000)) and None,
    "text.mp4": lambda f: (f / "text.mp4").write_text("This is not a video.\n" * 50) and None,
    "script.mkv": lambda f: (f / "script.mkv").write_bytes(Path("/bin/true").read_bytes()) and None,
    "list.m3u8": lambda f: (f / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nts-h264.ts\n#EXT-X-ENDLIST\n"
    ) and None,
    "list.ffconcat": lambda f: (f / "list.ffconcat").write_text(
        "ffconcat version 1.0\nfile ts-h264.ts\nfile ts-h264.ts\n"
    ) and None,
    "list-called.mp4": lambda f: (f / "list-called.mp4").write_text(
        "ffconcat version 1.0\nfile ts-h264.ts\n"
    ) and None,
    "playlist-called.mp4": lambda f: (f / "playlist-called.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nts-h264.ts\n#EXT-X-ENDLIST\n"
    ) and None,
}  # fmt: skip


def make(folder: Path, pattern: str) -> list[str]:
    """Make every clip whose name matches; return what could not be made and why."""
    folder.mkdir(parents=True, exist_ok=True)
    recipes = {
        name: recipe for table in (*TABLES, subtitles(folder)) for name, recipe in table.items()
    }
    missing = []
    for name, recipe in recipes.items():
        if fnmatch.fnmatch(name, pattern):
            target = f"file:{folder / name}"
            if trouble := ffmpeg([*shlex.split(recipe), target]):
                missing.append(f"{name!r}: {trouble}")
                (folder / name).unlink(missing_ok=True)
    for name, build in BY_HAND.items():
        if fnmatch.fnmatch(name, pattern):
            try:
                build(folder)
            except (OSError, RuntimeError) as error:
                missing.append(f"{name!r}: {error}")
    for scratch in folder.glob(".a.*"):
        scratch.unlink()
    return missing


def main() -> int:
    """Make the folder."""
    parser = argparse.ArgumentParser(description="Make awkward clips.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="*", help="glob of the file names")
    arguments = parser.parse_args()
    missing = make(arguments.folder, arguments.only)
    made = sum(1 for path in arguments.folder.iterdir() if path.is_file())
    print(
        "\n".join(
            [*missing, f"{made} files in {arguments.folder}, {len(missing)} could not be made"]
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
