"""Points of MediaPipe's face mesh that more than one part of the project speaks of. Numbers only: cheap to import."""

# The outline of the lips and their inner edge, in order.
OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
