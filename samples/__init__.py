"""Sample media, made at run time: a clip of a person, a background picture, a background video.

Nothing is downloaded and nothing of others is kept here: the person comes from the public-domain
portrait that scikit-image ships, everything else is drawn and played by formulas.
"""
