"""What UAV123 keeps in its MATLAB scripts instead of its annotation files.

Source: configSeqs.m and the attribute plots of the UAV123 benchmark (Mueller et al., ECCV 2016).
"""

# Sequences that are a later part of a film: the frame that they start at, counted from 1.
STARTS = {
    "bird1_2": 775,
    "bird1_3": 1573,
    "car1_2": 751,
    "car1_3": 1627,
    "car6_2": 487,
    "car6_3": 1807,
    "car6_4": 2953,
    "car6_5": 3925,
    "car8_2": 1357,
    "car16_2": 415,
    "group1_2": 1333,
    "group1_3": 2515,
    "group1_4": 3925,
    "group2_2": 907,
    "group2_3": 1771,
    "group3_2": 1567,
    "group3_3": 2827,
    "group3_4": 4369,
    "person2_2": 1189,
    "person4_2": 1501,
    "person5_2": 877,
    "person7_2": 1249,
    "person8_2": 1075,
    "person12_2": 601,
    "person14_2": 847,
    "person14_3": 1813,
    "person17_2": 1501,
    "person19_2": 1243,
    "person19_3": 2791,
    "truck4_2": 577,
    "uav1_2": 1555,
    "uav1_3": 2473,
}
# In the order of the columns of anno/UAV123/att/NAME.txt.
ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
