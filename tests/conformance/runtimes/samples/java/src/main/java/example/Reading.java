package example;

import java.util.List;

/** A record as Lambda's serializer wants it: a constructor without arguments, setters. */
public class Reading {
    private String station;
    private int temperature;
    private List<Double> rain;

    public String getStation() {
        return station;
    }

    public void setStation(String station) {
        this.station = station;
    }

    public int getTemperature() {
        return temperature;
    }

    public void setTemperature(int temperature) {
        this.temperature = temperature;
    }

    public List<Double> getRain() {
        return rain;
    }

    public void setRain(List<Double> rain) {
        this.rain = rain;
    }
}
