"""Points of MediaPipe's face mesh that more than one part of the project speaks of. Numbers only: cheap to import."""

# The outline of the lips and their inner edge, in order.
OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
# The skin next to the lips, point by point beside OUTER_LIP, and the chin.
LIP_RING = (57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 410, 322, 391, 393, 164, 167, 165, 92, 186)
CHIN = (152, 175)
MOUTH = INNER_LIP + OUTER_LIP + LIP_RING + CHIN  # what the lip mover moves, in the order of its arrays [62, 2]
# The lids' edges of either eye.
EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
